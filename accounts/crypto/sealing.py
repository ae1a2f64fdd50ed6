"""Sealing values and data keys to their place.

A wrapped data key is `scheme (1) | version of the account's key (4) | box of the data key`; a sealed value
is the wrapped data key followed by the box of the value. The version says which key to try; what is
authenticated is the version of the row that was found. The value's own box does not name it: rotation
re-wraps 32 bytes, not the content.
"""

import os

from django.views.decorators.debug import sensitive_variables

from accounts.crypto import box
from accounts.crypto.chunks import DataKey
from accounts.crypto.errors import SealError
from accounts.crypto.keys import active_key, key_of_version
from accounts.crypto.place import Place

SCHEME = 1
_HEAD_BYTES = 5
WRAPPED_BYTES = _HEAD_BYTES + box.KEY_BYTES + box.OVERHEAD_BYTES
_MAX_VERSION = 2**31 - 1


@sensitive_variables("plaintext", "key")
def seal(plaintext: bytes, place: Place) -> bytes:
    """Return `plaintext` sealed to `place`, under a key of its own. Needs the account's scope.

    Raises `SealError` where the account has no active key.
    """
    key, wrapped = _new_key(place)
    return wrapped + box.lock(key, plaintext, place.context("value"))


@sensitive_variables("key")
def unseal(sealed: bytes | memoryview, place: Place) -> bytes:
    """Return what was sealed to `place`; raise `SealError` for anything else. Needs the account's scope."""
    sealed = bytes(sealed)
    key = _open_key(sealed[:WRAPPED_BYTES], place)
    return box.unlock(key, sealed[WRAPPED_BYTES:], place.context("value"))


@sensitive_variables("key")
def new_data_key(place: Place) -> tuple[DataKey, bytes]:
    """Make a data key for the chunks of one blob, with its wrapped form. Needs the account's scope."""
    key, wrapped = _new_key(place)
    return DataKey(key, place), wrapped


def open_data_key(wrapped: bytes | memoryview, place: Place) -> DataKey:
    """Open what `new_data_key` wrapped; raise `SealError` for anything else. Needs the account's scope."""
    return DataKey(_open_key(bytes(wrapped), place), place)


@sensitive_variables("key", "account_key")
def _new_key(place: Place) -> tuple[bytes, bytes]:
    version, account_key = active_key(place.account_id)
    key = os.urandom(box.KEY_BYTES)
    head = bytes([SCHEME]) + version.to_bytes(4, "big")
    return key, head + box.lock(account_key, key, place.context("data-key", str(version)))


@sensitive_variables("account_key")
def _open_key(wrapped: bytes, place: Place) -> bytes:
    if len(wrapped) != WRAPPED_BYTES or wrapped[0] != SCHEME:
        raise SealError
    version = int.from_bytes(wrapped[1:_HEAD_BYTES], "big")
    if version > _MAX_VERSION:
        raise SealError
    account_key = key_of_version(place.account_id, version)
    return box.unlock(account_key, wrapped[_HEAD_BYTES:], place.context("data-key", str(version)))
