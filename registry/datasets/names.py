"""Which names a dataset may have, and which paths its files. Pure."""

import re
import unicodedata

from django.utils.translation import gettext as _

from accounts.errors import Invalid

NAME = r"[a-z0-9][a-z0-9._-]{0,62}"
# `new` is the address of the page that makes a dataset.
RESERVED = frozenset({"new"})

PATH_BYTES = 1024
COMPONENT_BYTES = 255
DEPTH = 32

_NAME = re.compile(NAME)
_DRIVE = re.compile(r"[A-Za-z]:")
# Controls, lone surrogates, line separators, and marks that make a name read otherwise than it is written.
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BIDIRECTIONAL = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


def is_name(text: str) -> bool:
    """Whether a dataset can be called so."""
    return _NAME.fullmatch(text) is not None and text not in RESERVED


def check_name(text: str) -> str:
    """Return the name; raises `Invalid`, naming the field, for anything that is not one."""
    if text in RESERVED:
        raise _invalid("name", _("“%(name)s” is a word of this page's own. Choose another name."), name=text)
    if not is_name(text):
        raise _invalid(
            "name",
            _(
                "“%(name)s” is not a name for a dataset. Use 1 to 63 lower-case letters, digits, dots, "
                "underscores and hyphens, starting with a letter or digit."
            ),
            name=text,
        )
    return text


def clean_path(text: str) -> str:
    """Return a file's path as it is stored: relative, composed (NFC), without empty steps.

    Raises `Invalid`, naming the field, for a path that climbs, is absolute, or that some machine could not
    have.
    """
    path = unicodedata.normalize("NFC", text)
    if path.startswith("/") or _DRIVE.match(path):
        raise _invalid(
            "path", _("The path “%(path)s” is absolute. Send a path relative to the dataset."), path=path
        )
    if "\\" in path:
        raise _invalid("path", _("The path “%(path)s” has a backslash. Separate folders by “/”."), path=path)
    if any(_forbidden(character) for character in path):
        raise _invalid("path", _("The path “%(path)s” has characters that no file name may have."), path=path)
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise _invalid("path", _("The path “%(path)s” climbs out of the dataset with “..”."), path=path)
    if not parts or path.endswith("/"):
        raise _invalid("path", _("The path “%(path)s” names no file."), path=path)
    cleaned = "/".join(parts)
    too_long = any(len(part.encode()) > COMPONENT_BYTES for part in parts)
    if too_long or len(cleaned.encode()) > PATH_BYTES or len(parts) > DEPTH:
        raise _invalid("path", _("The path “%(path)s” is too long or too deep."), path=path)
    return cleaned


def parents(path: str) -> list[str]:
    """Return the folders that a path goes through, outermost first."""
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def printable(text: str) -> str:
    """Return a name as an error may show it: short, and nothing that moves a cursor or breaks an encoding."""
    shown = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
    return shown if len(shown) <= 120 else f"{shown[:119]}…"


def _forbidden(character: str) -> bool:
    return unicodedata.category(character) in _UNPRINTABLE or character in _BIDIRECTIONAL


def _invalid(field: str, sentence: str, **values: str) -> Invalid:
    message = sentence % {name: printable(value) for name, value in values.items()}
    return Invalid(f"dataset.{field}", message, errors={field: [message]})
