"""What closing an account has destroyed."""

from typing import Any, ClassVar

from django.db import models

from accounts.tenancy.models import TenantModel
from accounts.tenancy.scope import ACCOUNT, PLATFORM


class Disposal(TenantModel):
    """The proof of a disposal: a signed document, which outlives everything that it lists. Never changed.

    `body` is the text that was signed (JSON); `signature` is Ed25519 in hex, by the audit log's key `key`.
    """

    readable_in: ClassVar[frozenset[str]] = frozenset({ACCOUNT, PLATFORM})

    at = models.DateTimeField(auto_now_add=True)
    body = models.TextField()
    sha256 = models.CharField(max_length=64)
    key = models.CharField(max_length=64)
    signature = models.CharField(max_length=128)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["account"], name="accounts_disposal_once"),
        ]

    @property
    def label(self) -> str:
        """How audit entries call this proof."""
        return self.sha256[:12]
