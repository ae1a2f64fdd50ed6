"""The written form of an API token: `mlp_<type>_<id>_<secret>_<checksum>`. Pure functions.

| part | |
|---|---|
| type | lower-case letters: user, robot, run, serving, platform |
| id | the token's public id: a UUID in base 62, 22 characters |
| secret | 256 random bits in base 62, 43 characters |
| checksum | CRC-32 (as in zlib) of everything before its underscore, in base 62, 6 characters |

Base 62 has no underscore, so a token splits into its parts at underscores, and a double click selects all of it. The
checksum is no secret: it lets a scanner tell a token from a look-alike, and the door refuse a mistyped one unasked.
"""

import re
import secrets
import string
import zlib
from dataclasses import dataclass
from uuid import UUID

PREFIX = "mlp_"
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
ID_LENGTH = 22
SECRET_LENGTH = 43
CHECKSUM_LENGTH = 6
PATTERN = re.compile(
    rf"mlp_(?P<type>[a-z]{{1,16}})_(?P<id>[0-9A-Za-z]{{{ID_LENGTH}}})"
    rf"_(?P<secret>[0-9A-Za-z]{{{SECRET_LENGTH}}})_(?P<checksum>[0-9A-Za-z]{{{CHECKSUM_LENGTH}}})"
)
_VALUES = {character: value for value, character in enumerate(ALPHABET)}


@dataclass(frozen=True, slots=True)
class Written:
    """A well-formed token: what it says it is, and which one. Whether it is that one is for its digest to say."""

    type: str
    id: UUID


def encode(number: int, length: int) -> str:
    """Write a number below 62**length in base 62, with leading zeros."""
    digits = []
    for _index in range(length):
        number, rest = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[rest])
    return "".join(reversed(digits))


def decode(text: str) -> int:
    """Read base 62."""
    number = 0
    for character in text:
        number = number * len(ALPHABET) + _VALUES[character]
    return number


def checksum(text: str) -> str:
    """The checksum of everything that stands before it."""
    return encode(zlib.crc32(text.encode()), CHECKSUM_LENGTH)


def write(type_: str, pk: UUID) -> str:
    """Make a new token's text, with a fresh secret."""
    secret = encode(secrets.randbits(256), SECRET_LENGTH)
    text = f"{PREFIX}{type_}_{encode(pk.int, ID_LENGTH)}_{secret}"
    return f"{text}_{checksum(text)}"


def read(text: str) -> Written | None:
    """Read a token's text; None where it is not one, or mistyped."""
    match = PATTERN.fullmatch(text)
    if match is None or checksum(text.rpartition("_")[0]) != match["checksum"]:
        return None
    number = decode(match["id"])
    return Written(match["type"], UUID(int=number)) if number < 1 << 128 else None


def hint(text: str) -> str:
    """What of a token may be shown: its type, and how its id begins and ends."""
    _mlp, type_, id_, *_rest = text.split("_")
    return f"{PREFIX}{type_}_{id_[:4]}…{id_[-6:]}"


__all__ = [
    "ALPHABET",
    "PATTERN",
    "PREFIX",
    "Written",
    "checksum",
    "decode",
    "encode",
    "hint",
    "read",
    "write",
]
