"""Root keys: they wrap the protection keys, and nothing else. The one thing that a key management service replaces.

Two may be known at a time: the one that wraps, and the one before (or the one to come), which only opens. `RootKeys`
holds them; rotating the root key re-wraps every protection key under the first.
"""

import hmac
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from django.conf import settings

from accounts.crypto import box
from accounts.crypto.errors import SealError
from accounts.crypto.place import encode


class RootKey(Protocol):
    """Wraps and unwraps protection keys. `context` is authenticated: unwrapping under another one fails.

    `id` names the key and, where its keeper counts them, its version after a `#`. It is stored beside what is
    wrapped and tells nothing of the key. A keeper that cannot be reached is an `Unavailable`.
    """

    @property
    def id(self) -> str:
        """The name of the key and version that `wrap` uses now."""

    def reads(self, wrapped: bytes) -> bool:
        """Whether `wrapped` has the form that this keeper makes."""

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Return `key` in a form that may be stored."""

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the key again; raise `SealError` where it does not open."""

    def rewrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return what this keeper wrapped, wrapped by its newest version; raise `SealError` where it does not open."""


class LocalRootKey:
    """A root key of 32 bytes in this process's memory, from a file or the environment."""

    __slots__ = ("_key", "id")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.id = f"local:{hmac.digest(key, b'mlops-portal root key id', 'sha256')[:8].hex()}"

    def __repr__(self) -> str:
        return f"<LocalRootKey {self.id}>"

    def reads(self, wrapped: bytes) -> bool:
        """A box names its scheme in its first byte."""
        return wrapped[:1] == bytes([box.SCHEME])

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Seal a protection key."""
        return box.lock(self._key, key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Open a protection key; raise `SealError` where it does not open."""
        return box.unlock(self._key, wrapped, context)

    def rewrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Seal it once more."""
        return self.wrap(self.unwrap(wrapped, context), context)


@dataclass(frozen=True)
class RootKeys:
    """The root keys of this deployment: `current` wraps, all of them open."""

    current: RootKey
    others: tuple[RootKey, ...] = ()

    def knows(self, root: str) -> bool:
        """Whether a key of this id (the version aside) is among them."""
        return keeper(root) in {keeper(known.id) for known in (self.current, *self.others)}

    def wrap(self, key: bytes, context: bytes) -> tuple[bytes, str]:
        """Wrap under the current one; returns the wrapped key and the id of what wrapped it."""
        root = self.current.id
        return self.current.wrap(key, context), root

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Open with whichever opens it; raise `SealError` where none does."""
        for root in (self.current, *self.others):
            if root.reads(wrapped):
                try:
                    return root.unwrap(wrapped, context)
                except SealError:
                    continue
        raise SealError

    def rewrap(self, wrapped: bytes, context: bytes) -> tuple[bytes, str]:
        """Bring what any of them wrapped under the current one; returns the same pair as `wrap`."""
        root_id = self.current.id
        for root in (self.current, *self.others):
            if root.reads(wrapped):
                try:
                    if root is self.current:
                        return root.rewrap(wrapped, context), root_id
                    return self.wrap(root.unwrap(wrapped, context), context)
                except SealError:
                    continue
        raise SealError


def keeper(root: str) -> str:
    """The id of a root key without its version."""
    return root.partition("#")[0]


def root_keys() -> RootKeys:
    """Return the deployment's root keys, as its settings name them."""
    found: list[RootKey] = []
    if settings.TRANSIT is not None:
        from accounts.crypto.transit import (
            TransitSettings,
            transit_key,
        )  # an HTTP client: for those who use it

        found.append(transit_key(TransitSettings(**settings.TRANSIT)))
    local: list[RootKey] = [
        LocalRootKey(key) for key in (settings.ROOT_KEY, settings.ROOT_KEY_PREVIOUS) if key
    ]
    found = found + local if settings.ROOT_KEY_PROVIDER == "transit" else local + found
    return RootKeys(found[0], tuple(found[1:]))


def account_key_context(account_id: UUID, version: int) -> bytes:
    """Return the associated data of one version of an account's key."""
    return encode("account-key", settings.DEPLOYMENT_ID, str(account_id), str(version))


def platform_key_context(version: int) -> bytes:
    """Return the associated data of one version of the platform's key."""
    return encode("platform-key", settings.DEPLOYMENT_ID, str(version))
