"""Peppers: what keeps a stolen table of API tokens from being a table of anything that can be checked.

A pepper is HKDF-SHA256 (RFC 5869) of one version of the platform's key, so it is never stored, and stays the same
when the root key that wraps the platform's key is rotated. A digest names the version that it was made with.
"""

import hmac

from django.views.decorators.debug import sensitive_variables

from accounts.crypto import box
from accounts.crypto.keys import active_key, key_of_version

_INFO = b"mlops-portal token pepper 1"


def _derive(key: bytes) -> bytes:
    return box.derive(key, salt=b"", info=_INFO, length=box.KEY_BYTES)


@sensitive_variables("secret", "key")
def peppered(secret: str) -> tuple[int, bytes]:
    """Return the version of the newest pepper and the HMAC-SHA-256 of `secret` under it; in a transaction."""
    version, key = active_key(None)
    return version, hmac.digest(_derive(key), secret.encode(), "sha256")


@sensitive_variables("secret", "made")
def matches(secret: str, version: int, digest: bytes) -> bool:
    """Whether `digest` was made of `secret` with this version, compared in constant time.

    Raises `SealError` where that version of the platform's key is gone.
    """
    made = hmac.digest(_derive(key_of_version(None, version)), secret.encode(), "sha256")
    return hmac.compare_digest(made, digest)


__all__ = ["matches", "peppered"]
