"""When a secret stops working by itself, where that can be read from it."""

import base64
import binascii
import json
from datetime import UTC, datetime

from accounts.credentials.kinds import KubeconfigSecret, read_secret
from accounts.crypto.certificates import not_after
from accounts.errors import Unprocessable


def expires_at(kind: str, opened: bytes) -> datetime | None:
    """Return the earliest known end of a secret: a client certificate's `notAfter`, a token's `exp`; else None."""
    try:
        secret = read_secret(kind, opened)
    except Unprocessable:  # kept before its kind had all of today's parts: nothing is known of its end
        return None
    if not isinstance(secret, KubeconfigSecret):
        return None
    ends = [
        not_after(secret.client_certificate) if secret.client_certificate else None,
        _token_end(secret.token) if secret.token else None,
    ]
    return min((end for end in ends if end is not None), default=None)


def _token_end(token: str) -> datetime | None:
    """The `exp` of a JSON Web Token (RFC 7519); None for a token of another form."""
    pieces = token.split(".")
    if len(pieces) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(pieces[1] + "=" * (-len(pieces[1]) % 4)))
        return datetime.fromtimestamp(int(claims["exp"]), UTC)
    except (binascii.Error, ValueError, KeyError, TypeError, OverflowError, OSError):
        return None
