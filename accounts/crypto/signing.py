"""Ed25519 (RFC 8032) signing keys: made, kept, used. What is signed, and why, is `accounts.audit`'s matter."""

import base64
import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.views.decorators.debug import sensitive_variables

SEED_BYTES = 32
PUBLIC_BYTES = 32


class SigningKey:
    """A private Ed25519 key in this process's memory."""

    __slots__ = ("_key", "public")

    @sensitive_variables("seed")
    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    def __repr__(self) -> str:
        return f"<SigningKey {self.fingerprint[:16]}>"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the raw public key, in hex: how people and records call this key."""
        return fingerprint_of(self.public)

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of the signature."""
        return self._key.sign(message)


def fingerprint_of(public: bytes) -> str:
    """Return the SHA-256 of a raw public key, in hex."""
    return hashlib.sha256(public).hexdigest()


def new_seed() -> bytes:
    """Return the 32 random bytes of a new private key."""
    return os.urandom(SEED_BYTES)


def verifies(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature of a message was made with the private key behind `public` (32 raw bytes)."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@sensitive_variables("text", "seed")
def decode_seed(text: str) -> bytes:
    """Return the seed behind a base64 text; ValueError where it is anything else."""
    seed = base64.b64decode(text.strip(), validate=True)
    if len(seed) != SEED_BYTES:
        raise ValueError("must be exactly 32 bytes in base64 (openssl rand -base64 32)")
    return seed


@sensitive_variables("seed")
def write_seed(path: Path, seed: bytes) -> None:
    """Keep a seed in a private file that appears whole or not at all; one that is there already is replaced."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(seed) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
