"""Credentials of an account, and what trying them out has shown."""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.crypto.fields import SealedField
from accounts.tenancy.models import TenantForeignKey, TenantModel


class Credential(TenantModel):
    """A secret of an account (암호화 키). Write-only: the sealed value leaves only through a named, audited action.

    `secret` is what is used now, its `number`th form. A rotation brings a `candidate`; once that has been tested and
    switched to, what was used before is `previous` until `previous_until`, and can be gone back to.
    """

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
    number = models.PositiveIntegerField(default=1, db_default=1)
    latest_number = models.PositiveIntegerField(default=1, db_default=1)
    expires_at = models.DateTimeField(null=True, blank=True)
    candidate = SealedField(null=True)
    candidate_number = models.PositiveIntegerField(null=True)
    candidate_by_label = models.CharField(max_length=120, blank=True, default="", db_default="")
    previous = SealedField(null=True)
    previous_number = models.PositiveIntegerField(null=True)
    previous_until = models.DateTimeField(null=True)
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
            ),
            models.CheckConstraint(
                condition=models.Q(candidate__isnull=True, candidate_number__isnull=True)
                | models.Q(candidate__isnull=False, candidate_number__isnull=False),
                name="accounts_credential_candidate",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    previous__isnull=True, previous_number__isnull=True, previous_until__isnull=True
                )
                | models.Q(
                    previous__isnull=False, previous_number__isnull=False, previous_until__isnull=False
                ),
                name="accounts_credential_previous",
            ),
        ]

    @property
    def label(self) -> str:
        """How audit entries call this credential."""
        return self.name


class CredentialTest(TenantModel):
    """One try of one version of a credential: when, by whom, and what came of it. Holds nothing of the secret."""

    class Outcome(models.TextChoices):
        OK = "ok", _("Works")
        FAILED = "failed", _("Failed")

    credential = TenantForeignKey(Credential, models.CASCADE, related_name="+")
    version = models.PositiveIntegerField()
    at = models.DateTimeField(auto_now_add=True)
    outcome = models.CharField(max_length=16, choices=Outcome)
    code = models.CharField(max_length=64, blank=True)
    sentence = models.CharField(max_length=500)
    seconds = models.FloatField()
    by_label = models.CharField(max_length=160)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(outcome__in=["ok", "failed"]), name="accounts_credentialtest_outcome"
            )
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(
                fields=["account", "credential", "version", "-id"], name="accounts_credentialtest_newest"
            )
        ]

    @property
    def label(self) -> str:
        """How audit entries call this test."""
        return f"{self.credential.name} v{self.version}"
