"""Robots: what works in a project without being a person, such as a build server."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.tenancy.models import TenantModel
from projects.permissions import Role


class RobotState(models.TextChoices):
    """Whether a robot works; only an active one does."""

    ACTIVE = "active", _("Active")
    DISABLED = "disabled", _("Disabled")
    EXPIRED = "expired", _("Expired")
    DELETED = "deleted", _("Deleted")


class Robot(TenantModel):
    """A service identity of one project: it has a role and tokens, and is nobody's.

    It is no member, signs in nowhere, and outlives whoever made it. `responsible` is the person to ask about it; when
    they leave, it goes on, and owners are told. A deleted one stays as a row without use, since what it made and its
    tokens name it; its name is free again.
    """

    name = models.CharField(_("Name"), max_length=48)
    description = models.CharField(_("Description"), max_length=300, blank=True)
    role = models.CharField(_("Role"), max_length=32)
    responsible = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_by_label = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(_("Until"), null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["account", "name"], condition=models.Q(deleted_at=None), name="projects_robot_name"
            ),
            models.CheckConstraint(
                condition=models.Q(name__regex=r"^[a-z][a-z0-9-]{1,47}$"), name="projects_robot_name_form"
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["responsible"], name="projects_robot_responsible"),
        ]

    @property
    def label(self) -> str:
        """How the audit log, and what it made, call this robot."""
        return self.name

    @property
    def role_label(self) -> str:
        """The role as pages call it."""
        return str(Role(self.role).label) if self.role in Role.values else self.role

    @property
    def state(self) -> RobotState:
        """Whether it works now."""
        if self.deleted_at is not None:
            return RobotState.DELETED
        if self.disabled_at is not None:
            return RobotState.DISABLED
        if self.expires_at is not None and self.expires_at <= timezone.now():
            return RobotState.EXPIRED
        return RobotState.ACTIVE

    @property
    def works(self) -> bool:
        """Whether its tokens open anything."""
        return self.state is RobotState.ACTIVE
