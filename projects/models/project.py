"""Projects, and who works in them."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
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
