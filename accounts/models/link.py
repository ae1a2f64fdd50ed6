"""Links between accounts."""

from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.ids import uuid7
from accounts.models.account import Account
from accounts.tenancy.models import TenantManager


class TrustLink(models.Model):
    """Joins a general account (borrower) to a trusted account (lender). Its row is visible to those two only.

    `terms` are `accounts.links.Terms`, set by the lender; `namespace` is the borrower's own by those terms.
    `expires_at` is when an invitation's code stops working, `ends_at` when an active link ends by itself. `asked_by_id`
    is who asked for the borrower, shown to nobody: they do not decide for the lender as well. A trigger holds the
    transitions and who may make which, whatever code writes the row.
    """

    class State(models.TextChoices):
        INVITED = "invited", _("Invited")
        REQUESTED = "requested", _("Requested")
        ACTIVE = "active", _("Active")
        REJECTED = "rejected", _("Rejected")
        REVOKED = "revoked", _("Revoked")
        EXPIRED = "expired", _("Expired")

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
    namespace = models.CharField(max_length=63, blank=True, default="", db_default="")
    ends_at = models.DateTimeField(null=True, blank=True)
    request_note = models.CharField(max_length=500, blank=True, default="", db_default="")
    asked_by_id = models.UUIDField(null=True, editable=False)

    objects: ClassVar[TenantManager["TrustLink"]] = TenantManager()  # type: ignore[type-arg]

    class Meta:
        base_manager_name = "objects"
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(state="invited", borrower__isnull=True)
                | models.Q(state__in=["requested", "active"], borrower__isnull=False)
                | models.Q(state__in=["rejected", "revoked", "expired"]),
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
    def lasts(self) -> bool:
        """Whether something may be taken through it now: it is active and its end, if it has one, lies ahead."""
        return self.state == self.State.ACTIVE and (self.ends_at is None or self.ends_at > timezone.now())

    @classmethod
    def of_account(cls, account_id: UUID) -> models.Q:
        """Which rows an account's scope is for: those of its lending and of its borrowing."""
        return models.Q(lender=account_id) | models.Q(borrower=account_id)

    @property
    def label(self) -> str:
        """How audit entries call this link."""
        return f"{self.lender_label} → {self.borrower_label or '…'}"
