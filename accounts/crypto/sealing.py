"""Sealing values and data keys to their place.

A wrapped data key is `scheme (1) | version of the protection key (4) | data key, sealed`; a sealed value is the
wrapped data key followed by `scheme (1) | value, sealed`. The version says which key to try; what is authenticated
is the version of the row that was found, and the version of the value (`Place.version`). The value's own part names
neither: rotation re-wraps 32 bytes, not the content.

Scheme 2 (`envelope`) is what is written. Scheme 1 (`box`) is still read, for values whose place has no version:
rotating the account's key turns their wrapped keys into scheme 2 and leaves the content.
"""

import os
from dataclasses import dataclass
from typing import NoReturn

from django.views.decorators.debug import sensitive_variables

from accounts.crypto import box, envelope
from accounts.crypto.chunks import DataKey
from accounts.crypto.errors import SealError
from accounts.crypto.keys import active_key, key_of_version
from accounts.crypto.place import Place

SCHEME = 2
OLD_SCHEME = 1
HEAD_BYTES = 5
WRAPPED_BYTES = HEAD_BYTES + envelope.WRAPPED_KEY_BYTES
_WRAPPED_BYTES = {OLD_SCHEME: HEAD_BYTES + box.KEY_BYTES + box.OVERHEAD_BYTES, SCHEME: WRAPPED_BYTES}
_MAX_VERSION = 2**31 - 1
_VALUE = bytes([SCHEME])

# What a data key is for. Part of its wrapping: the key of a value does not open as that of a blob.
VALUE_KEY = "value-key"
BLOB_KEY = "blob-key"


@dataclass(frozen=True, slots=True)
class ProtectionKey:
    """One version of a protection key, unwrapped. It cannot be printed or pickled."""

    version: int
    key: bytes

    def __repr__(self) -> str:
        return f"<ProtectionKey {self.version}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A protection key stays in the process that opened it.")

    def seal(self, plaintext: bytes, place: Place) -> bytes:
        """Return `plaintext` sealed to `place`, under a data key of its own."""
        data_key = os.urandom(box.KEY_BYTES)
        value = envelope.seal_value(data_key, plaintext, place.context("value"))
        return self.wrap(data_key, place, VALUE_KEY) + _VALUE + value

    def unseal(self, sealed: bytes, place: Place) -> bytes:
        """Return what was sealed to `place` under this key; raise `SealError` for anything else."""
        length = wrapped_length(sealed)
        return open_content(self.unwrap(sealed[:length], place, VALUE_KEY), sealed[length:], place)

    def wrap(self, data_key: bytes, place: Place, purpose: str) -> bytes:
        """Return a data key in its stored form."""
        context = place.context(purpose, str(self.version), str(place.version))
        return _VALUE + self.version.to_bytes(4, "big") + envelope.wrap_key(self.key, data_key, context)

    def unwrap(self, wrapped: bytes, place: Place, purpose: str) -> bytes:
        """Return the data key of `wrapped`, whichever scheme wrapped it; raise `SealError` where it does not open."""
        if wrapped_length(wrapped) != len(wrapped) or key_version(wrapped) != self.version:
            raise SealError
        if wrapped[0] == SCHEME:
            context = place.context(purpose, str(self.version), str(place.version))
            return envelope.unwrap_key(self.key, wrapped[HEAD_BYTES:], context)
        if place.version:
            raise SealError
        return box.unlock(self.key, wrapped[HEAD_BYTES:], place.context("data-key", str(self.version)))


def wrapped_length(sealed: bytes) -> int:
    """How many bytes at the start of `sealed` are the wrapped data key; raise `SealError` for an unknown scheme."""
    length = _WRAPPED_BYTES.get(sealed[0]) if sealed else None
    if length is None or len(sealed) < length:
        raise SealError
    return length


def key_version(wrapped: bytes) -> int:
    """Which version of the protection key `wrapped` names; raise `SealError` where it can be none."""
    version = int.from_bytes(wrapped[1:HEAD_BYTES], "big")
    if version > _MAX_VERSION:
        raise SealError
    return version


@sensitive_variables("data_key")
def open_content(data_key: bytes, content: bytes, place: Place) -> bytes:
    """Open the part of a sealed value that follows its wrapped key; raise `SealError` where it does not open."""
    if content[:1] == _VALUE:
        return envelope.open_value(data_key, content[1:], place.context("value"))
    return box.unlock(data_key, content, place.context("value"))


@sensitive_variables("plaintext")
def seal(plaintext: bytes, place: Place) -> bytes:
    """Return `plaintext` sealed to `place`, under a key of its own.

    Needs the account's scope, or for the platform a transaction. Raises `SealError` where the account has no active
    key.
    """
    return ProtectionKey(*active_key(place.account_id)).seal(plaintext, place)


def unseal(sealed: bytes | memoryview, place: Place) -> bytes:
    """Return what was sealed to `place`; raise `SealError` for anything else. Needs the account's scope."""
    sealed = bytes(sealed)
    return _key_for(sealed, place).unseal(sealed, place)


@sensitive_variables("data_key")
def new_data_key(place: Place) -> tuple[DataKey, bytes]:
    """Make a data key for the chunks of one blob, with its wrapped form. Needs the account's scope."""
    data_key = os.urandom(box.KEY_BYTES)
    wrapped = ProtectionKey(*active_key(place.account_id)).wrap(data_key, place, BLOB_KEY)
    return DataKey(data_key, place), wrapped


def open_data_key(wrapped: bytes | memoryview, place: Place) -> DataKey:
    """Open what `new_data_key` wrapped; raise `SealError` for anything else. Needs the account's scope."""
    wrapped = bytes(wrapped)
    return DataKey(_key_for(wrapped, place).unwrap(wrapped, place, BLOB_KEY), place)


def _key_for(sealed: bytes, place: Place) -> ProtectionKey:
    wrapped_length(sealed)
    version = key_version(sealed)
    return ProtectionKey(version, key_of_version(place.account_id, version))
