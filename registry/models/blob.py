"""The index row of stored content: how big it is, what it hashes to, and the key that opens it."""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.crypto import Place
from accounts.tenancy.models import TenantModel


class Blob(TenantModel):
    """Bytes in the blob store, sealed in chunks under a key of their own. Immutable once stored."""

    class State(models.TextChoices):
        WRITING = "writing", _("Uploading")
        STORED = "stored", _("Stored")

    state = models.CharField(max_length=16, choices=State, default=State.WRITING)
    size = models.BigIntegerField(default=0, help_text=_("Bytes of content; 0 until stored."))
    sha256 = models.CharField(max_length=64, blank=True, default="", help_text=_("Of the content, in hex."))
    wrapped_key = models.BinaryField()
    chunk_size = models.PositiveIntegerField(help_text=_("Bytes of content in each chunk but the last."))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        indexes: ClassVar[list[Any]] = [
            models.Index(
                fields=["created_at"], condition=models.Q(state="writing"), name="registry_blob_unfinished"
            )
        ]
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(state="writing", sha256="", size=0)
                | models.Q(state="stored", sha256__regex=r"^[0-9a-f]{64}$", size__gte=0),
                name="registry_blob_stored_is_hashed",
            ),
            models.CheckConstraint(condition=models.Q(chunk_size__gt=0), name="registry_blob_chunk_size"),
        ]

    @property
    def place(self) -> Place:
        """Where the content's key is sealed to."""
        return Place(self.account_id, "registry.Blob", self.pk, "content")
