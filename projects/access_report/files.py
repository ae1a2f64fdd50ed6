"""A report as a file: JSON as the API shows it, or CSV with one line a statement."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from accounts.audit.export import cell
from projects.access_report.replay import KIND_OF
from projects.access_report.report import Reach, Report

_COLUMNS = ("part", "kind", "at", "who", "what", "value", "detail")


def _reach(reach: Reach | None) -> Iterator[tuple[str, str]]:
    if reach is None:
        return
    yield "role", reach.role
    if reach.until:
        yield "until", reach.until.isoformat()
    for name in ("permissions", "granted", "datasets", "tokens"):
        for value in getattr(reach, name):
            yield name, value


def _lines(report: Report) -> Iterator[tuple[str, ...]]:
    ends = (("start", report.first.isoformat()), ("end", report.last.isoformat()))
    for part, day in ends:
        for row in report.people:
            for what, value in _reach(getattr(row, part)):
                yield part, "members", day, row.person, what, value, ""
        for thing in report.standing:
            if value := getattr(thing, part):
                yield part, thing.kind, day, "", thing.name, value, ""
    for event in report.changes:
        detail = json.dumps(event.detail, ensure_ascii=False, sort_keys=True)
        kind = KIND_OF[event.action]
        yield "change", kind, event.at.isoformat(), event.who, event.action, event.target_label, detail


def as_csv(report: Report) -> bytes:
    """Return the report as CSV; what a spreadsheet would compute begins with an apostrophe."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for line in _lines(report):
        writer.writerow([cell(value) for value in line])
    return ("\ufeff" + buffer.getvalue()).encode()


def as_json(document: Any) -> bytes:
    """Return the API's document as a file."""
    return json.dumps(document, ensure_ascii=False, indent=1, default=str).encode()
