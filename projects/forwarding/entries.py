"""Sealed leaves as they leave the portal: CloudEvents 1.0 for webhooks, RFC 5424 for syslog.

Each carries what is needed to recognize a repeated one (the record's id; log and index) and to check later that it is
in the log: the leaf's hash, and the row in the very texts that were hashed. Nothing is left out: where a row was
disposed of before it was forwarded, its leaf goes without it, and names the month.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

from accounts.audit import rows
from accounts.audit.export import columns_of
from accounts.audit.verify_export import COLUMNS

SOURCE = "/audit-log/"
TYPE = "mlops-portal.audit."
# Facility 13 is “log audit” (RFC 5424, 6.2.1); severities: informational, and warning for what was refused or failed.
_FACILITY, _INFORMATIONAL, _WARNING = 13, 6, 4
# We have no enterprise number of our own: 32473 is the one that RFC 5612 keeps for examples.
STRUCTURE = "audit@32473"
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Entry:
    """One leaf of one log; `row` is None where its month (`disposed`) has been disposed of."""

    log: str
    index: int
    leaf: str
    event: str
    row: dict[str, str | None] | None
    disposed: str = ""

    def data(self) -> dict[str, Any]:
        """What every format carries."""
        found: dict[str, Any] = {"log": self.log, "index": self.index, "leaf": self.leaf, "event": self.event}
        return found | ({"disposed": self.disposed} if self.row is None else {"row": self.row})

    @property
    def action(self) -> str:
        """What happened."""
        return "row.disposed" if self.row is None else str(self.row["action"])

    @property
    def time(self) -> str:
        """When, as RFC 3339 writes it; when it is sent, for a row that is gone."""
        return now() if self.row is None else str(self.row["at"])


def now() -> str:
    """The time as RFC 3339 writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read(log_id: UUID, start: int, end: int) -> Iterator[Entry]:
    """Yield the leaves [start, end) of a log, in the scope that is open."""
    name = rows.log_name(log_id)
    for index, stored, event, partition, line in rows.leaves(log_id, start, end):
        row = None if line is None else dict(zip(COLUMNS, columns_of(line), strict=True))
        yield Entry(name, index, stored.hex(), event, row, partition if row is None else "")


def _event(kind: str, pk: str, log: str, time: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": pk,
        "source": f"{settings.BASE_URL}{SOURCE}{log}",
        "type": f"{TYPE}{kind}",
        "time": time,
        "datacontenttype": "application/json",
        "data": data,
    }


def cloud_event(entry: Entry) -> dict[str, Any]:
    """An entry as a CloudEvent; `sequence` (an extension of CloudEvents) sorts as a text."""
    event = _event(entry.action, entry.event, entry.log, entry.time, entry.data())
    event["sequence"] = f"{entry.index:020d}"
    if entry.row is not None and entry.row["target_type"]:
        event["subject"] = f"{entry.row['target_type']}/{entry.row['target_id']}"
    return event


def receipt_event(receipt: dict[str, Any]) -> dict[str, Any]:
    """A receipt as a CloudEvent: `data` is the receipt file itself."""
    pk = f"receipt-{receipt['log']}-{receipt['sequence']}"
    return _event("receipt", pk, receipt["log"], receipt["issued_at"], receipt)


def trial_event(pk: str, log: str, name: str) -> dict[str, Any]:
    """What a test sends: nothing has happened."""
    return _event("test", pk, log, now(), {"log": log, "target": name})


def batch(events: Iterable[dict[str, Any]]) -> bytes:
    """Events in CloudEvents' JSON batch format."""
    return json.dumps(list(events), ensure_ascii=False, separators=(",", ":")).encode()


def _ascii(text: str, most: int) -> str:
    """A field of the header: printable ASCII without spaces, or the nil value."""
    return "".join(letter for letter in text if "!" <= letter <= "~")[:most] or "-"


def _parameter(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _line(kind: str, time: str, severity: int, named: dict[str, str], data: dict[str, Any]) -> bytes:
    """One syslog message (RFC 5424), framed by its length in octets (RFC 6587 3.4.1, RFC 5425 4.3)."""
    host = _ascii(urlsplit(settings.BASE_URL).hostname or "", 255)
    structure = "".join(f' {name}="{_parameter(value)}"' for name, value in named.items())
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    message = (
        f"<{_FACILITY * 8 + severity}>1 {time} {host} mlops-portal - {_ascii(kind, 32)} [{STRUCTURE}{structure}] "
        f"{_BOM}{text}"
    ).encode()
    return b"%d %s" % (len(message), message)


def syslog_line(entry: Entry) -> bytes:
    """An entry as a syslog message: the action is the MSGID, the JSON of the entry the text."""
    warns = entry.row is not None and entry.row["outcome"] != "ok"
    named = {"id": entry.event, "log": entry.log, "index": str(entry.index), "leaf": entry.leaf}
    severity = _WARNING if warns else _INFORMATIONAL
    return _line(entry.action, entry.time, severity, named, entry.data())


def syslog_event(event: dict[str, Any]) -> bytes:
    """A receipt or a trial as a syslog message."""
    named = {"id": event["id"], "log": event["data"]["log"]}
    return _line(event["type"].removeprefix(TYPE), event["time"], _INFORMATIONAL, named, event["data"])
