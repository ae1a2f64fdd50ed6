"""Scheme 2: a data key wrapped by a protection key, and the one value that the data key seals. Pure functions.

A wrapped key is `salt (32) | commitment (32) | sealed data key (32 + 16)`. HKDF-Expand with SHA-512 (RFC 5869,
section 2.3; the protection key is uniformly random, so that the extract step is not needed, section 3.3) makes of
the protection key and the salt a cipher key of this wrapping's own and a commitment to the protection key, which is
compared before anything is decrypted: GCM alone would let one ciphertext open under two chosen keys.

A value is AES-256-GCM under its data key. A data key is made for one value and seals nothing else, a wrapping's
cipher key is made for one data key: no key meets a second message, so every nonce is zero. The value needs no
commitment of its own: what is committed to opens as one data key only.
"""

import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from accounts.crypto.box import COMMITMENT_BYTES, KEY_BYTES, NONCE_BYTES, TAG_BYTES
from accounts.crypto.errors import SealError

SALT_BYTES = 32
_HEAD_BYTES = SALT_BYTES + COMMITMENT_BYTES
WRAPPED_KEY_BYTES = _HEAD_BYTES + KEY_BYTES + TAG_BYTES
_INFO = b"mlops-portal wrapped key 2"
_NONCE = bytes(NONCE_BYTES)


def _derive(key: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """Return a cipher key and a commitment: T(1) of HKDF-Expand-SHA512, exactly its 64 bytes."""
    if len(key) != KEY_BYTES:
        raise SealError
    material = hmac.digest(key, _INFO + salt + b"\x01", "sha512")
    return material[:KEY_BYTES], material[KEY_BYTES:]


def wrap_key(key: bytes, data_key: bytes, context: bytes) -> bytes:
    """Seal a 32-byte data key under a 32-byte `key`; only that key and the same `context` open it."""
    salt = os.urandom(SALT_BYTES)
    cipher_key, commitment = _derive(key, salt)
    return salt + commitment + AESGCM(cipher_key).encrypt(_NONCE, data_key, context)


def unwrap_key(key: bytes, wrapped: bytes, context: bytes) -> bytes:
    """Return the data key that `wrap_key` sealed; raise `SealError` for anything else."""
    if len(wrapped) != WRAPPED_KEY_BYTES:
        raise SealError
    cipher_key, commitment = _derive(key, wrapped[:SALT_BYTES])
    if not hmac.compare_digest(commitment, wrapped[SALT_BYTES:_HEAD_BYTES]):
        raise SealError
    try:
        return AESGCM(cipher_key).decrypt(_NONCE, wrapped[_HEAD_BYTES:], context)
    except InvalidTag:
        raise SealError from None


def seal_value(data_key: bytes, plaintext: bytes, context: bytes) -> bytes:
    """Seal the one value of a fresh data key; returns ciphertext and tag."""
    return AESGCM(data_key).encrypt(_NONCE, plaintext, context)


def open_value(data_key: bytes, sealed: bytes, context: bytes) -> bytes:
    """Return what `seal_value` sealed; raise `SealError` for anything else."""
    if len(sealed) < TAG_BYTES:
        raise SealError
    try:
        return AESGCM(data_key).decrypt(_NONCE, sealed, context)
    except InvalidTag:
        raise SealError from None
