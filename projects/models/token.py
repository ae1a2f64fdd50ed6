"""API tokens: those that act in one project, and those that act on the platform."""

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import uuid7
from accounts.models import PlatformRole
from accounts.tenancy.models import TenantForeignKey, TenantModel
from projects.models.robot import Robot
from projects.permissions import Role


class Bearer(models.Model):
    """What every token has. Its row holds no secret: `digest` is the HMAC-SHA-256 of the token's text under the pepper
    of `pepper_version`, or, for tokens of the first form, which has none, the SHA-256 of its 256 random bits.

    `hint` is the text up to the secret, which says which token this is. `addresses` are the networks (CIDR) that it may
    be used from; none means anywhere.
    """

    name = models.CharField(_("Name"), max_length=120)
    hint = models.CharField(max_length=48)
    digest = models.BinaryField(editable=False)
    pepper_version = models.PositiveIntegerField(null=True, editable=False)
    addresses = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(_("Expires"))
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_ip = models.CharField(max_length=45, blank=True, default="", db_default="")

    class Meta:
        abstract = True

    @property
    def short_hint(self) -> str:
        """Enough of the hint to tell one's own tokens apart."""
        return f"{self.hint}…" if self.pepper_version is None else f"…{self.hint[-6:]}"

    @property
    def label(self) -> str:
        """How audit entries call this token: its name and the end of its id, never the token."""
        return f"{self.name} ({self.short_hint})"

    @property
    def usable(self) -> bool:
        """Whether it still opens doors."""
        return self.revoked_at is None and self.expires_at > timezone.now()


class Token(Bearer, TenantModel):
    """A token that acts in one project.

    It acts as `user`, or as `robot`, within `role` (never more than the holder's own role now), or, with a `purpose` of
    run or serving, as the workload `workload_id` that one of them started, with that purpose's fixed permissions.
    """

    class Purpose(models.TextChoices):
        USER = "user", _("Person")
        ROBOT = "robot", _("Robot")
        RUN = "run", _("Training run")
        SERVING = "serving", _("Model server")

    purpose = models.CharField(max_length=16, choices=Purpose, default=Purpose.USER)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    robot = TenantForeignKey(Robot, models.PROTECT, related_name="tokens", null=True)
    role = models.CharField(_("Role"), max_length=32)
    scopes = models.JSONField(default=list)
    workload_id = models.UUIDField(null=True, editable=False)
    run_id = models.CharField(max_length=64, blank=True, editable=False)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["digest"], name="projects_token_digest"),
            models.CheckConstraint(
                condition=models.Q(user=None, robot__isnull=False) | models.Q(user__isnull=False, robot=None),
                name="projects_token_holder",
            ),
        ]

    @property
    def role_label(self) -> str:
        """The role as pages call it."""
        return str(Role(self.role).label) if self.role in Role.values else self.role

    @property
    def type(self) -> str:
        """The type that its text names."""
        return self.purpose

    @property
    def holder_id(self) -> UUID:
        """Whom it acts for: a person's id, or a robot's."""
        found: UUID | None = self.user_id or self.robot_id
        assert found is not None
        return found

    @property
    def holder_label(self) -> str:
        """The person's name, or the robot's."""
        holder = self.user or self.robot
        return holder.label if holder is not None else ""

    @property
    def holder_works(self) -> bool:
        """Whether whom it acts for may act at all: a person who is not closed out, a robot that works."""
        return self.robot.works if self.robot is not None else self.user is not None and self.user.is_active


class PlatformToken(Bearer):
    """A token of a person with a platform role; it belongs to no account.

    It works while its person holds `role`, the platform role that they had when they made it, and may then do what
    that role may do; a `read_only` one changes nothing.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    role = models.CharField(_("Platform role"), max_length=16, choices=PlatformRole)
    read_only = models.BooleanField(_("Read only"), default=False)

    type: ClassVar[str] = "platform"

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["digest"], name="projects_platformtoken_digest"),
            models.CheckConstraint(
                condition=models.Q(role__in=[PlatformRole.ADMIN.value, PlatformRole.AUDITOR.value]),
                name="projects_platformtoken_role",
            ),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["user"], name="projects_platformtoken_user")]
