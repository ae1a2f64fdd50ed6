"""Where a sealed value lives. Recomputed from the row at each opening, never read from the sealed bytes."""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Place:
    """A field of a row: `model` is Django's label ("accounts.Credential"), `pk` the row's primary key.

    `account_id` None means the platform: the row belongs to no tenant. `version` counts the values that the field
    has held: once a new one is sealed, the ones before open no more. 0 is for what never changes once it is
    written, and for values from before versions were counted.
    """

    account_id: UUID | None
    model: str
    pk: UUID | int | str
    field: str
    version: int = 0

    def context(self, purpose: str, *parts: str) -> bytes:
        """Return the associated data of this place in this deployment, for one purpose; `version` is not in it.

        Purposes keep wrapped keys, values and chunks from standing in for each other.
        """
        return encode(
            purpose,
            settings.DEPLOYMENT_ID,
            PLATFORM if self.account_id is None else str(self.account_id),
            self.model,
            str(self.pk),
            self.field,
            *parts,
        )


def encode(*parts: str) -> bytes:
    """Join texts so that no two different lists give the same bytes: each is preceded by its length."""
    encoded = (part.encode() for part in parts)
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
