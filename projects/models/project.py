"""Projects, who works in them, and the tokens that act in them."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from accounts.tenancy.models import TenantModel, TenantRow
from accounts.tenancy.scope import ACCOUNT, PERSONAL, PLATFORM
from projects.permissions import Role


class Project(TenantRow):
    """The workspace of exactly one account: its primary key is the account's."""

    readable_in: ClassVar[frozenset[str]] = frozenset({ACCOUNT, PERSONAL, PLATFORM})

    account = models.OneToOneField(Account, models.PROTECT, primary_key=True, related_name="project")
    slug = models.SlugField(_("Slug"), max_length=48, unique=True, editable=False)
    name = models.CharField(_("Name"), max_length=120)
    description = models.TextField(_("Description"), blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    @property
    def label(self) -> str:
        """How audit entries call this project."""
        return self.slug


class Membership(TenantModel):
    """A person's role in a project, built-in or custom (`CustomRole.name`), for good or until a moment."""

    readable_in: ClassVar[frozenset[str]] = frozenset({ACCOUNT, PERSONAL})

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    role = models.CharField(_("Role"), max_length=32)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(_("Until"), null=True, blank=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["account", "user"],
                name="projects_membership_once",
                violation_error_message=_("This person is a member already."),
            ),
            models.CheckConstraint(
                condition=models.Q(role__regex=r"^[a-z][a-z0-9-]{1,31}$"), name="projects_membership_role"
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["user"], name="projects_membership_user"),
            models.Index(
                fields=["expires_at"],
                condition=models.Q(expires_at__isnull=False),
                name="projects_membership_due",
            ),
        ]

    @property
    def label(self) -> str:
        """How audit entries call this membership."""
        return f"{self.user.username} ({self.role})"

    @property
    def role_label(self) -> str:
        """The role as pages call it."""
        return str(Role(self.role).label) if self.role in Role.values else self.role


class Token(TenantModel):
    """An API token. Only the SHA-256 digest of its 256 random bits is kept.

    It acts as `user` within `role` (never more than the person's own role now), or, with a `purpose` of run or
    serving, as the workload `workload_id` with that purpose's fixed permissions.
    """

    class Purpose(models.TextChoices):
        USER = "user", _("Person")
        RUN = "run", _("Training run")
        SERVING = "serving", _("Model server")

    purpose = models.CharField(max_length=16, choices=Purpose, default=Purpose.USER)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    name = models.CharField(_("Name"), max_length=120)
    role = models.CharField(_("Role"), max_length=32)
    scopes = models.JSONField(default=list)
    hint = models.CharField(max_length=16)
    digest = models.BinaryField(editable=False)
    workload_id = models.UUIDField(null=True, editable=False)
    run_id = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(_("Expires"))
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["digest"], name="projects_token_digest"),
        ]

    @property
    def label(self) -> str:
        """How audit entries call this token: its name and its first characters, never the token."""
        return f"{self.name} ({self.hint}…)"

    @property
    def role_label(self) -> str:
        """The role as pages call it."""
        return str(Role(self.role).label) if self.role in Role.values else self.role

    @property
    def usable(self) -> bool:
        """Whether it still opens doors."""
        return self.revoked_at is None and self.expires_at > timezone.now()
