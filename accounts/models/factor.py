"""Second factors: authenticator apps, passkeys, recovery codes."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.crypto import SealedField
from accounts.ids import uuid7


class Factor(models.Model):
    """What a person proves themselves with beside the password: an app's secret, or a passkey's public key.

    An app counts once its first code has been typed (`confirmed_at`); until then it is a page that was opened.
    """

    class Kind(models.TextChoices):
        TOTP = "totp", _("Authenticator app")
        PASSKEY = "passkey", _("Passkey")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=16, choices=Kind)
    name = models.CharField(max_length=60)
    secret = SealedField(platform=True, null=True)
    # The newest 30-second step of which a code was taken: no code is taken twice.
    last_step = models.BigIntegerField(default=0)
    credential_id = models.BinaryField(null=True, unique=True)
    # fido2's AttestedCredentialData: id and public key.
    credential = models.BinaryField(null=True)
    sign_count = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(kind="totp", confirmed_at__isnull=False),
                name="accounts_factor_one_app",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="totp", secret__isnull=False, credential__isnull=True)
                | models.Q(kind="passkey", credential__isnull=False, credential_id__isnull=False),
                name="accounts_factor_shape",
            ),
        ]

    @property
    def label(self) -> str:
        """How audit entries call it."""
        return f"{self.kind} {self.name}"


class RecoveryCode(models.Model):
    """A code that stands in for a lost second factor, once. Only a keyed digest of it is kept: the HMAC-SHA-256 under
    the pepper of `pepper_version`, or, for codes from before, which have none, under the secret key.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    digest = models.BinaryField(unique=True)
    pepper_version = models.PositiveIntegerField(null=True)
    used_at = models.DateTimeField(null=True)
