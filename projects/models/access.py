"""What a person may do beyond their role, and who asked whom for it: custom roles, grants for a time, requests."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.tenancy.models import TenantModel
from accounts.tenancy.scope import ACCOUNT, PERSONAL


class CustomRole(TenantModel):
    """A named set of permissions of one project. Memberships and tokens name it as they name a built-in role."""

    readable_in: ClassVar[frozenset[str]] = frozenset({ACCOUNT, PERSONAL})

    name = models.CharField(_("Name"), max_length=32)
    description = models.CharField(_("Description"), max_length=300, blank=True)
    permissions = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["account", "name"],
                name="projects_customrole_name",
                violation_error_message=_("A role of this name exists already."),
            ),
            models.CheckConstraint(
                condition=models.Q(name__regex=r"^[a-z][a-z0-9-]{1,31}$"), name="projects_customrole_word"
            ),
        ]

    @property
    def label(self) -> str:
        """How audit entries call this role."""
        return self.name


class PermissionGrant(TenantModel):
    """One permission for one person until a moment, beside what their role has. Ends by itself, or by hand."""

    readable_in: ClassVar[frozenset[str]] = frozenset({ACCOUNT, PERSONAL})

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    permission = models.CharField(_("Permission"), max_length=48)
    reason = models.CharField(_("Reason"), max_length=500)
    granted_by_label = models.CharField(max_length=160)
    request_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(_("Until"))
    ended_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        indexes: ClassVar[list[Any]] = [
            models.Index(
                fields=["user"], condition=models.Q(ended_at=None), name="projects_permissiongrant_live"
            ),
            models.Index(
                fields=["expires_at"], condition=models.Q(ended_at=None), name="projects_permissiongrant_due"
            ),
        ]

    @property
    def label(self) -> str:
        """How audit entries call this grant."""
        return f"{self.user.username}: {self.permission}"

    @property
    def live(self) -> bool:
        """Whether it counts now."""
        return self.ended_at is None and self.expires_at > timezone.now()


class ApprovalRequest(TenantModel):
    """Something that another person decides. `kind` says what becomes of it; `projects.approvals` holds the arrows.

    waiting → approved, rejected, withdrawn (by who asked) or expired. `asked_by` is empty where another account asks.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        EXPIRED = "expired", _("Expired")

    readable_in: ClassVar[frozenset[str]] = frozenset({ACCOUNT, PERSONAL})

    kind = models.CharField(max_length=48)
    target_type = models.CharField(max_length=64)
    target_id = models.CharField(max_length=255)
    target_label = models.CharField(max_length=255)
    payload = models.JSONField(default=dict)
    reason = models.CharField(_("Reason"), max_length=1000)
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    asked_by_label = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    decided_by_label = models.CharField(max_length=160, blank=True)
    decided_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=1000, blank=True)
    self_approved = models.BooleanField(default=False)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(state="waiting", decided_at=None)
                | ~models.Q(state="waiting") & models.Q(decided_at__isnull=False),
                name="projects_approvalrequest_decided",
            ),
            models.UniqueConstraint(
                fields=["account", "kind", "target_type", "target_id", "asked_by"],
                condition=models.Q(state="waiting"),
                name="projects_approvalrequest_once",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(
                fields=["expires_at"],
                condition=models.Q(state="waiting"),
                name="projects_approvalrequest_due",
            ),
            models.Index(fields=["account", "-created_at"], name="projects_approvalrequest_new"),
        ]

    @property
    def label(self) -> str:
        """How audit entries call this request."""
        return f"{self.kind} {self.target_label}"

    @property
    def waiting(self) -> bool:
        """Whether somebody can still decide."""
        return self.state == self.State.WAITING and self.expires_at > timezone.now()


class BreakGlass(TenantModel):
    """A platform admin's way into a project that they are no member of: with a reason, for hours, seen by its owners.

    `repair` adds what puts a project back on its feet (members, tokens, endpoints) to looking. The project's slug and
    name are kept here, because the admin's own list is read before any account's scope is open.
    """

    readable_in: ClassVar[frozenset[str]] = frozenset({ACCOUNT, PERSONAL})

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    user_label = models.CharField(max_length=160)
    slug = models.CharField(max_length=48)
    name = models.CharField(max_length=120)
    reason = models.CharField(_("Reason"), max_length=500)
    repair = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(_("Until"))
    ended_at = models.DateTimeField(null=True)
    ended_by_label = models.CharField(max_length=160, blank=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["account", "user"],
                condition=models.Q(ended_at=None),
                name="projects_breakglass_once",
            ),
        ]

    @property
    def label(self) -> str:
        """How audit entries call this way in."""
        return f"{self.user_label} → {self.slug}"

    @property
    def live(self) -> bool:
        """Whether it opens the door now."""
        return self.ended_at is None and self.expires_at > timezone.now()
