"""Where a sealed value lives. Recomputed from the row at each opening, never read from the sealed bytes."""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Place:
    """A field of a row: `model` is Django's label ("accounts.Credential"), `pk` the row's primary key."""

    account_id: UUID
    model: str
    pk: UUID | int | str
    field: str

    def context(self, purpose: str, *parts: str) -> bytes:
        """Return the associated data of this place in this deployment, for one purpose.

        Purposes keep wrapped keys, values and chunks from standing in for each other.
        """
        return encode(
            purpose,
            settings.DEPLOYMENT_ID,
            str(self.account_id),
            self.model,
            str(self.pk),
            self.field,
            *parts,
        )


def encode(*parts: str) -> bytes:
    """Join texts so that no two different lists give the same bytes: each is preceded by its length."""
    encoded = (part.encode() for part in parts)
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
