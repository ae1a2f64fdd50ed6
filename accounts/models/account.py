"""Accounts: the tenants, their protection keys, their credentials, and the links between them."""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.crypto.fields import SealedField
from accounts.ids import uuid7
from accounts.tenancy.models import TenantManager, TenantModel
from accounts.tenancy.scope import ACCOUNT, PERSONAL, PLATFORM


class Account(models.Model):
    """A tenant's identity. Its project (one to one) is where the tenant works."""

    class Kind(models.TextChoices):
        GENERAL = "general", _("General account")
        TRUSTED = "trusted", _("Trusted account")

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        SUSPENDED = "suspended", _("Suspended")
        CLOSED = "closed", _("Closed")

    readable_in: ClassVar[frozenset[str]] = frozenset({ACCOUNT, PERSONAL, PLATFORM})

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("Name"), max_length=120)
    kind = models.CharField(_("Kind"), max_length=16, choices=Kind)
    state = models.CharField(_("State"), max_length=16, choices=State, default=State.ACTIVE)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[TenantManager["Account"]] = TenantManager()  # type: ignore[type-arg]

    class Meta:
        base_manager_name = "objects"
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["general", "trusted"]), name="accounts_account_kind"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["active", "suspended", "closed"]), name="accounts_account_state"
            ),
        ]

    @property
    def label(self) -> str:
        """How audit entries call this account."""
        return self.name


class Credential(TenantModel):
    """A secret of an account (암호화 키). Write-only: the sealed value leaves only through a named, audited action."""

    class Kind(models.TextChoices):
        KUBECONFIG = "kubeconfig", _("Kubernetes cluster")
        S3 = "s3", _("S3-compatible storage")
        GIT = "git", _("Git token")
        DATABASE = "database", _("Database")
        REGISTRY = "registry", _("Container registry")
        WEBHOOK = "webhook", _("Webhook secret")

    name = models.CharField(_("Name"), max_length=120)
    kind = models.CharField(_("Kind"), max_length=16, choices=Kind)
    secret = SealedField()
    created_by_label = models.CharField(max_length=120)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["account", "name"],
                name="accounts_credential_name",
                violation_error_message=_("A credential of this name exists already."),
            )
        ]

    @property
    def label(self) -> str:
        """How audit entries call this credential."""
        return self.name


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
