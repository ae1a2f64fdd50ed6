"""Envelope encryption: root key → protection key → a key per value. Nothing else imports `cryptography`.

What a sealed value is worth: it opens only under its account's key, in this deployment, in the very row and
field it was sealed for, and only while it is the newest value there. Everything else is one `SealError`.

A value of a tenant's row: `secret = SealedField()` on a `TenantModel`. A value that belongs to no tenant (a person's
second factor, a secret of the whole portal): `SealedField(platform=True)` on any model whose primary key is set before
it is saved (a UUID default), saved inside `transaction.atomic()`; no scope is needed. Without a field of its own:
`seal(plaintext, Place(None, "accounts.Thing", pk, "field"))` and `unseal(sealed, place)`. Every process of the portal
can open what is under the platform's key.
"""

from accounts.crypto.chunks import CHUNK_OVERHEAD_BYTES, HEADER_BYTES, DataKey
from accounts.crypto.errors import SealError
from accounts.crypto.fields import Sealed, SealedField, SealedVersion
from accounts.crypto.keys import create_account_key
from accounts.crypto.place import Place
from accounts.crypto.root import RootKey, RootKeys, root_keys
from accounts.crypto.sealing import new_data_key, open_data_key, seal, unseal

__all__ = [
    "CHUNK_OVERHEAD_BYTES",
    "HEADER_BYTES",
    "DataKey",
    "Place",
    "RootKey",
    "RootKeys",
    "SealError",
    "Sealed",
    "SealedField",
    "SealedVersion",
    "create_account_key",
    "new_data_key",
    "open_data_key",
    "root_keys",
    "seal",
    "unseal",
]
