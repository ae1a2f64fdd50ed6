"""What pages call the types of columns and the ways of reading."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEvent

_TYPES = {
    "integer": _("integer"),
    "number": _("number"),
    "boolean": _("true or false"),
    "date": _("date"),
    "timestamp": _("time"),
    "text": _("text"),
    "empty": _("empty"),
}
_READS = {
    "dataset.download": _("downloaded"),
    "dataset.preview": _("previewed"),
    "dataset.read": _("read by a job"),
}


def with_words(columns: list[dict[str, Any]], rows: int) -> list[dict[str, Any]]:
    """Return columns with `type_label`, `numeric`, and `share`: the part of all rows without a value."""
    return [
        {
            **column,
            "type_label": _TYPES.get(column["type"], column["type"]),
            "share": column["missing"] / rows if rows else 0.0,
            "numeric": column["type"] in ("integer", "number"),
        }
        for column in columns
    ]


def last_reads(events: list[AuditEvent], limit: int) -> list[AuditEvent]:
    """Return, of events with the newest first, the last of each person's way of reading; `action_label` is added."""
    seen: dict[tuple[str, str, str], AuditEvent] = {}
    for event in events:
        event.action_label = _READS.get(event.action, event.action)  # type: ignore[attr-defined]
        seen.setdefault((event.who, event.action, event.target_label), event)
    return list(seen.values())[:limit]
