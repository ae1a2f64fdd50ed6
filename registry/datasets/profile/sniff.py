"""Telling a text table's encoding and delimiter from its beginning. Pure."""

import codecs
import csv
import io
from dataclasses import dataclass

from registry.datasets.profile.problems import Unreadable

DELIMITERS = (",", "\t", ";", "|")
_LINES = 50
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a text table is written; `header` is its first row."""

    encoding: str
    delimiter: str
    header: tuple[str, ...]


def sniff(head: bytes, *, whole: bool, suggested: str = ",") -> Dialect:
    """Tell the dialect from the first bytes of a table; `whole` says that they are all of it.

    Raises `Unreadable` for text in no known encoding, and for nothing at all.
    """
    encoding = _encoding(head, whole=whole)
    text = codecs.getincrementaldecoder(encoding)("strict").decode(head, False).removeprefix("\ufeff")
    if not text.strip():
        raise Unreadable("empty")
    counts = {delimiter: _columns(text, delimiter, whole=whole) for delimiter in DELIMITERS}
    best = max(DELIMITERS, key=lambda each: (*counts[each], each == suggested))
    delimiter = best if counts[best][1] > 1 else suggested
    header = next((row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row), [])
    return Dialect(encoding, delimiter, tuple(header))


def _encoding(head: bytes, *, whole: bool) -> str:
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    # CP949 is what Korean editions of Windows and Excel write; it takes almost any bytes, so it comes second.
    for name in ("utf-8", "cp949"):
        try:
            codecs.getincrementaldecoder(name)("strict").decode(head, whole)
        except UnicodeDecodeError:
            continue
        return name
    raise Unreadable("encoding")


def _columns(text: str, delimiter: str, *, whole: bool) -> tuple[float, int]:
    """Return which share of the first rows has as many columns as the header, and that number."""
    rows = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if row:
                rows.append(len(row))
            if len(rows) > _LINES:
                break
    except csv.Error:
        return 0.0, 0
    if not whole and 1 < len(rows) <= _LINES:
        rows.pop()  # cut off in the middle
    if not rows or rows[0] < 2:
        return 0.0, 0
    return sum(count == rows[0] for count in rows) / len(rows), rows[0]
