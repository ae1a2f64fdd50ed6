"""One sealed box: AES-256-GCM with key commitment. Pure functions of bytes; no settings, no database.

A box is `scheme (1) | salt (32) | commitment (32) | ciphertext and tag (n + 16)`. HKDF-SHA256 (RFC 5869)
derives from the caller's key and the random salt a cipher key, a nonce and a commitment. Each box thus has
a cipher key of its own, and no count of boxes makes a nonce meet its key again. GCM alone would let one
ciphertext open under two chosen keys; the commitment (checked before decrypting) rules that out.
"""

import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from accounts.crypto.errors import SealError

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
COMMITMENT_BYTES = 32
SCHEME = 1
_SALT_BYTES = 32
_HEAD_BYTES = 1 + _SALT_BYTES + COMMITMENT_BYTES

OVERHEAD_BYTES = _HEAD_BYTES + TAG_BYTES


def derive(key: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    """Return `length` bytes that HKDF-SHA256 makes of a 32-byte `key`."""
    if len(key) != KEY_BYTES:
        raise SealError
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(key)


def lock(key: bytes, plaintext: bytes, context: bytes) -> bytes:
    """Seal `plaintext` under a 32-byte `key`; only the same key and the same `context` open it again."""
    salt = os.urandom(_SALT_BYTES)
    cipher, nonce, commitment = _keys(key, salt)
    return bytes([SCHEME]) + salt + commitment + cipher.encrypt(nonce, plaintext, context)


def unlock(key: bytes, box: bytes, context: bytes) -> bytes:
    """Return what `lock` sealed; raise `SealError` for anything else."""
    if len(box) < OVERHEAD_BYTES or box[0] != SCHEME:
        raise SealError
    salt, expected = box[1 : 1 + _SALT_BYTES], box[1 + _SALT_BYTES : _HEAD_BYTES]
    cipher, nonce, commitment = _keys(key, salt)
    if not hmac.compare_digest(commitment, expected):
        raise SealError
    try:
        return cipher.decrypt(nonce, box[_HEAD_BYTES:], context)
    except InvalidTag:
        raise SealError from None


def _keys(key: bytes, salt: bytes) -> tuple[AESGCM, bytes, bytes]:
    material = derive(
        key, salt=salt, info=b"mlops-portal box 1", length=KEY_BYTES + NONCE_BYTES + COMMITMENT_BYTES
    )
    return AESGCM(material[:KEY_BYTES]), material[KEY_BYTES:-COMMITMENT_BYTES], material[-COMMITMENT_BYTES:]
