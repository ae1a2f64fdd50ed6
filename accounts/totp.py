"""Time-based one-time passwords: RFC 6238 over RFC 4226, SHA-1, 6 digits, 30 seconds, as every app has them."""

import base64
import hashlib
import hmac
import secrets
import struct
import time
from urllib.parse import quote, urlencode

import segno

SECRET_BYTES = 20
STEP_SECONDS = 30
DIGITS = 6
# A phone's clock may be a step off, either way.
TOLERANCE = 1


def new_secret() -> bytes:
    """A secret of the length that RFC 4226 recommends."""
    return secrets.token_bytes(SECRET_BYTES)


def code_of(secret: bytes, step: int) -> str:
    """The code of one step (RFC 4226, section 5.3)."""
    digest = hmac.digest(secret, struct.pack(">Q", step), hashlib.sha1)
    offset = digest[-1] & 0x0F
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def step_now() -> int:
    """The step that it is."""
    return int(time.time()) // STEP_SECONDS


def matching_step(secret: bytes, code: str) -> int | None:
    """Which step around now has this code, or None. Every step is compared, in constant time."""
    found = None
    for step in range(step_now() - TOLERANCE, step_now() + TOLERANCE + 1):
        if hmac.compare_digest(code_of(secret, step).encode(), code.encode()):
            found = step
    return found


def shown(secret: bytes) -> str:
    """The secret for typing it into an app: base32 in groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[index : index + 4] for index in range(0, len(text), 4))


def address(secret: bytes, username: str, issuer: str) -> str:
    """The otpauth:// address that apps read off a QR code (Google's "Key Uri Format")."""
    query = urlencode({"secret": base64.b32encode(secret).decode(), "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{quote(issuer)}:{quote(username)}?{query}"


def qr_code(text: str) -> str:
    """An SVG of the QR code, dark on light in every theme, without styles or scripts."""
    svg: str = segno.make(text, error="m", micro=False).svg_inline(
        scale=5, border=3, dark="#000", light="#fff", omitsize=True
    )
    return svg
