"""Which names may come out of an archive. Pure; used for zip, tar and folder uploads alike."""

import re
import unicodedata
from pathlib import PurePosixPath

from django.utils.translation import gettext as _

from accounts.errors import Unprocessable
from registry.archives.limits import Limits

_DRIVE = re.compile(r"[A-Za-z]:")
_COMPONENT_BYTES = 255


class Names:
    """The names of one archive, each checked against all before it.

    Two spellings that some file system takes for one (case, Unicode composition) are refused: what is
    checked on one machine and trained on another must be the same tree.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._count = 0
        self._spelling: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._files: set[tuple[str, ...]] = set()

    def folder(self, name: str) -> PurePosixPath:
        """Return the safe relative path of a folder's entry, which may occur again; "." is the root."""
        parts = self._parts(name)
        for depth in range(1, len(parts) + 1):
            self._claim(parts[:depth], name)
        return PurePosixPath(*parts)

    def file(self, name: str) -> PurePosixPath:
        """Return the safe relative path of a file's entry, which must not occur again."""
        parts = self._parts(name)
        if not parts or name.endswith("/"):
            raise refused("name", _("The entry “%(name)s” has no file name."), name)
        for depth in range(1, len(parts)):
            self._claim(parts[:depth], name)
        if _fold(parts) in self._spelling:
            raise refused("duplicate", _("The name “%(name)s” occurs twice, or differs only in case."), name)
        self._claim(parts, name)
        self._files.add(parts)
        return PurePosixPath(*parts)

    def _parts(self, name: str) -> tuple[str, ...]:
        self._count += 1
        if self._count > self._limits.entries:
            raise Unprocessable(
                "archive.entries",
                _("The archive has more than %(limit)d entries, from “%(name)s” on. Pack less into it.")
                % {"limit": self._limits.entries, "name": printable(name)},
            )
        if name.startswith("/") or _DRIVE.match(name):
            raise refused(
                "absolute", _("The entry “%(name)s” is an absolute path. Pack relative paths."), name
            )
        if "\\" in name:
            raise refused("name", _("The entry “%(name)s” has a backslash. Separate folders by “/”."), name)
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
            raise refused("name", _("The entry “%(name)s” has characters that no file name may have."), name)
        parts = tuple(part for part in name.split("/") if part not in ("", "."))
        if ".." in parts:
            raise refused("climbs", _("The entry “%(name)s” climbs out of the archive with “..”."), name)
        too_long = any(len(part.encode()) > _COMPONENT_BYTES for part in parts)
        if too_long or len(name.encode()) > self._limits.name_bytes or len(parts) > self._limits.depth:
            raise refused("name", _("The path of the entry “%(name)s” is too long or too deep."), name)
        return parts

    def _claim(self, parts: tuple[str, ...], name: str) -> None:
        if parts in self._files:
            raise refused("duplicate", _("The entry “%(name)s” is inside something that is a file."), name)
        if self._spelling.setdefault(_fold(parts), parts) != parts:
            raise refused("duplicate", _("The name “%(name)s” occurs twice, or differs only in case."), name)


def refused(reason: str, sentence: str, name: str) -> Unprocessable:
    """Return the error that refuses the entry `name`; `sentence` is translated and has a `%(name)s`."""
    return Unprocessable(f"archive.{reason}", sentence % {"name": printable(name)}, entry=printable(name))


def printable(name: str) -> str:
    """Return a name as an error may show it: short, nothing that moves a cursor or breaks an encoding."""
    shown = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in name
    )
    return shown if len(shown) <= 120 else f"{shown[:119]}…"


def _fold(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", part).casefold()) for part in parts
    )
