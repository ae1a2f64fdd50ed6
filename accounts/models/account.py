"""Accounts: the tenants."""

from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.ids import uuid7
from accounts.tenancy.models import TenantManager
from accounts.tenancy.scope import ACCOUNT, PERSONAL, PLATFORM


class Account(models.Model):
    """A tenant's identity. Its project (one to one) is where the tenant works."""

    class Kind(models.TextChoices):
        GENERAL = "general", _("General account")
        TRUSTED = "trusted", _("Trusted account")

    class Start(models.TextChoices):
        OWN = "own", _("Credentials of its own")
        BORROWED = "borrowed", _("Those of a trusted account")
        NONE = "none", _("None yet")

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        SUSPENDED = "suspended", _("Suspended")
        CLOSING = "closing", _("Closing")
        CLOSED = "closed", _("Closed")

    readable_in: ClassVar[frozenset[str]] = frozenset({ACCOUNT, PERSONAL, PLATFORM})

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("Name"), max_length=120)
    kind = models.CharField(_("Kind"), max_length=16, choices=Kind)
    state = models.CharField(_("State"), max_length=16, choices=State, default=State.ACTIVE)
    # Where its credentials were to come from when it was registered: what its pages suggest next.
    start = models.CharField(
        _("Credentials"), max_length=16, choices=Start, default=Start.NONE, db_default=Start.NONE
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # SHA-256 of the code by which others may ask a trusted account for a link.
    lending_digest = models.BinaryField(null=True, editable=False)

    objects: ClassVar[TenantManager["Account"]] = TenantManager()  # type: ignore[type-arg]

    class Meta:
        base_manager_name = "objects"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["lending_digest"], name="accounts_account_lending"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["general", "trusted"]), name="accounts_account_kind"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["active", "suspended", "closing", "closed"]),
                name="accounts_account_state",
            ),
        ]

    @classmethod
    def of_account(cls, account_id: UUID) -> models.Q:
        """Which rows an account's scope is for: its own."""
        return models.Q(pk=account_id)

    @property
    def label(self) -> str:
        """How audit entries call this account."""
        return self.name
