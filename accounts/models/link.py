"""Links between accounts."""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.ids import uuid7
from accounts.models.account import Account
from accounts.tenancy.models import TenantManager


class TrustLink(models.Model):
    """Joins a general account (borrower) to a trusted account (lender). Its row is visible to those two only."""

    class State(models.TextChoices):
        INVITED = "invited", _("Invited")
        REQUESTED = "requested", _("Requested")
        ACTIVE = "active", _("Active")
        REVOKED = "revoked", _("Revoked")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    lender = models.ForeignKey(Account, models.PROTECT, related_name="+")
    borrower = models.ForeignKey(Account, models.PROTECT, related_name="+", null=True)
    lender_label = models.CharField(max_length=120)
    borrower_label = models.CharField(max_length=120, blank=True)
    state = models.CharField(max_length=16, choices=State, default=State.INVITED)
    invitation_digest = models.BinaryField(null=True, editable=False)
    terms = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[TenantManager["TrustLink"]] = TenantManager()  # type: ignore[type-arg]

    class Meta:
        base_manager_name = "objects"
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(state="invited", borrower__isnull=True)
                | models.Q(state__in=["requested", "active"], borrower__isnull=False)
                | models.Q(state="revoked"),
                name="accounts_trustlink_parties",
            ),
            models.CheckConstraint(
                condition=~models.Q(lender=models.F("borrower")), name="accounts_trustlink_two_accounts"
            ),
            models.UniqueConstraint(
                fields=["lender", "borrower"],
                condition=models.Q(state__in=["requested", "active"]),
                name="accounts_trustlink_once",
            ),
            models.UniqueConstraint(fields=["invitation_digest"], name="accounts_trustlink_invitation"),
        ]

    @property
    def label(self) -> str:
        """How audit entries call this link."""
        return f"{self.lender_label} → {self.borrower_label or '…'}"
