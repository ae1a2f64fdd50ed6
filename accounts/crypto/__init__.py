"""Envelope encryption: root key → account key → a key per value. Nothing else imports `cryptography`.

What a sealed value is worth: it opens only under its account's key, in this deployment, in the very row and
field it was sealed for. Everything else is one `SealError`.
"""

from accounts.crypto.chunks import CHUNK_OVERHEAD_BYTES, HEADER_BYTES, DataKey
from accounts.crypto.errors import SealError
from accounts.crypto.fields import Sealed, SealedField
from accounts.crypto.keys import create_account_key
from accounts.crypto.place import Place
from accounts.crypto.root import RootKey, root_key
from accounts.crypto.sealing import new_data_key, open_data_key, seal, unseal

__all__ = [
    "CHUNK_OVERHEAD_BYTES",
    "HEADER_BYTES",
    "DataKey",
    "Place",
    "RootKey",
    "SealError",
    "Sealed",
    "SealedField",
    "create_account_key",
    "new_data_key",
    "open_data_key",
    "root_key",
    "seal",
    "unseal",
]
