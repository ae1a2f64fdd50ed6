"""Exports: a whole log as JSON Lines, which the standalone verifier checks, or as CSV, which a spreadsheet opens."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from accounts.audit import rows
from accounts.audit.keys import statements, timestamp
from accounts.audit.verification import chain_of, disposals_of
from accounts.audit.verify_export import COLUMNS, Signed

FORMAT = "mlops-portal audit export"
# Rows a query reads: an export holds no statement open for longer than this takes.
PAGE = 5_000
_UNESCAPE = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
# What a spreadsheet takes for the beginning of a formula (OWASP: CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def columns_of(line: bytes) -> list[str | None]:
    """Read a canonical line back into its columns."""
    return [_plain(text) for text in line.decode().split("\t")]


def _plain(text: str) -> str | None:
    if text == "\\N":
        return None
    if "\\" not in text:
        return text
    parts, position = [], 0
    while (found := text.find("\\", position)) != -1:
        parts += [text[position:found], _UNESCAPE[text[found + 1]]]
        position = found + 2
    return "".join([*parts, text[position:]])


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode() + b"\n"


def head_lines(log_id: UUID, chain: list[Signed]) -> Iterator[bytes]:
    """Yield what comes before the rows: header with the keys' statements, checkpoints, disposal records."""
    yield _json(
        {
            "type": "header",
            "format": FORMAT,
            "version": 1,
            "deployment": settings.DEPLOYMENT_ID,
            "log": rows.log_name(log_id),
            "columns": COLUMNS,
            "exported_at": timestamp(datetime.now(UTC)),
            "keys": [one.document() for one in statements()],
        }
    )
    for signed in chain:
        yield _json({"type": "checkpoint", **signed.document()})
    for signed in disposals_of(log_id):
        yield _json({"type": "disposal", **signed.document()})


def row_lines(log_id: UUID, start: int, end: int) -> Iterator[bytes]:
    """Yield the rows [start, end) of a log; one that is gone is its leaf alone."""
    for index, stored, event, partition, line in rows.leaves(log_id, start, end):
        document: dict[str, Any] = {"type": "row", "index": index, "leaf": stored.hex(), "event": event}
        if line is None:
            document["disposed"] = partition
        else:
            document["row"] = dict(zip(COLUMNS, columns_of(line), strict=True))
        yield _json(document)


def size_of(chain: list[Signed]) -> int:
    """Return how many rows a chain's last checkpoint covers."""
    return int(chain[-1].fields["size"]) if chain else 0


def json_end(size: int) -> bytes:
    """Return the last line: an export without it was broken off."""
    return _json({"type": "end", "rows": size})


def json_lines(log_id: UUID) -> Iterator[bytes]:
    """Yield a whole log as JSON Lines, up to its last checkpoint."""
    chain = chain_of(log_id)
    yield from head_lines(log_id, chain)
    for start in range(0, size_of(chain), PAGE):
        yield from row_lines(log_id, start, min(start + PAGE, size_of(chain)))
    yield json_end(size_of(chain))


def cell(value: str | None) -> str:
    """Return a text that a spreadsheet shows instead of computing: what looks like a formula gets an apostrophe."""
    if value is None:
        return ""
    return f"'{value}" if value.lstrip(" ").startswith(_FORMULA) else value


def csv_head() -> bytes:
    """Return the first line of a CSV export; the byte order mark tells spreadsheets that it is UTF-8."""
    return "﻿".encode() + _csv(["index", *COLUMNS])


def csv_rows(log_id: UUID, start: int, end: int) -> Iterator[bytes]:
    """Yield the rows [start, end) of a log that are still there, as lines of CSV."""
    for index, _stored, _event, _partition, line in rows.leaves(log_id, start, end):
        if line is not None:
            yield _csv([str(index), *(cell(value) for value in columns_of(line))])


def _csv(values: list[str]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(values)
    return buffer.getvalue().encode()


def csv_lines(log_id: UUID) -> Iterator[bytes]:
    """Yield a whole log as CSV, up to its last checkpoint."""
    size = size_of(chain_of(log_id))
    yield csv_head()
    for start in range(0, size, PAGE):
        yield from csv_rows(log_id, start, min(start + PAGE, size))
