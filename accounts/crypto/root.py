"""The root key: wraps the protection keys, and nothing else. The one thing a KMS would replace."""

from typing import Protocol
from uuid import UUID

from django.conf import settings

from accounts.crypto import box
from accounts.crypto.place import encode


class RootKey(Protocol):
    """Wraps and unwraps account keys. `context` is authenticated: unwrapping under another one fails."""

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Return `key` in a form that may be stored."""

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the key again; raise `SealError` where it does not open."""


class LocalRootKey:
    """A root key of 32 bytes in this process's memory, from a file or the environment."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __repr__(self) -> str:
        return "<LocalRootKey>"

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Seal an account's key."""
        return box.lock(self._key, key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Open an account's key; raise `SealError` where it does not open."""
        return box.unlock(self._key, wrapped, context)


def root_key() -> RootKey:
    """Return the deployment's root key."""
    return LocalRootKey(settings.ROOT_KEY)


def account_key_context(account_id: UUID, version: int) -> bytes:
    """Return the associated data of one version of an account's key."""
    return encode("account-key", settings.DEPLOYMENT_ID, str(account_id), str(version))


def platform_key_context(version: int) -> bytes:
    """Return the associated data of one version of the platform's key."""
    return encode("platform-key", settings.DEPLOYMENT_ID, str(version))
