"""Reading the audit log: one set of filters for the API and the pages. Reading is recorded too."""

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from accounts import audit
from accounts.audit import Target
from accounts.models import AuditEvent

FILTERS = ("actor", "action", "target", "outcome", "since", "until")
# What an auditor, who reads every account's log, can ask for beyond those.
ROOM_FILTERS = ("q", "account")
PLATFORM_ITSELF = "platform"


def matching(rows: QuerySet[AuditEvent], wanted: dict[str, Any]) -> QuerySet[AuditEvent]:
    """Return the events that match; `wanted` holds parsed values of FILTERS, absent or empty ones match all."""
    if actor := wanted.get("actor"):
        rows = rows.filter(Q(actor_id=actor) | Q(actor_label__iexact=actor) | Q(on_behalf_of__iexact=actor))
    if action := wanted.get("action"):
        prefix = action.removesuffix("*")
        rows = (
            rows.filter(action__startswith=prefix)
            if action.endswith(("*", "."))
            else rows.filter(action=action)
        )
    if target := wanted.get("target"):
        kind, _colon, pk = target.partition(":")
        rows = rows.filter(
            Q(target_id=target) | Q(target_label__icontains=target) | Q(target_type=kind, target_id=pk)
        )
    if outcome := wanted.get("outcome"):
        rows = rows.filter(outcome=outcome)
    if since := wanted.get("since"):
        rows = rows.filter(at__gte=since)
    if until := wanted.get("until"):
        rows = rows.filter(at__lt=until)
    return rows


def matching_everywhere(rows: QuerySet[AuditEvent], wanted: dict[str, Any]) -> QuerySet[AuditEvent]:
    """Return the events of all accounts that match; `account` is an account's id, or "platform" for what belongs to
    none, and `q` is looked for in actor, action and target at once.
    """
    rows = matching(rows, wanted)
    if account := wanted.get("account"):
        rows = (
            rows.filter(account_id__isnull=True)
            if account == PLATFORM_ITSELF
            else rows.filter(account_id=account)
        )
    if word := wanted.get("q"):
        rows = rows.filter(
            Q(actor_label__icontains=word) | Q(action__icontains=word) | Q(target_label__icontains=word)
        )
    return rows


def record_reading(wanted: dict[str, Any], count: int) -> None:
    """Put on record that somebody looked, through which filters, at how many events."""
    asked = {
        name: value.isoformat() if isinstance(value, datetime) else str(value)
        for name, value in wanted.items()
        if name in (*FILTERS, *ROOM_FILTERS) and value not in (None, "")
    }
    audit.record("audit.read", Target("auditlog", "", ""), detail={"filters": asked, "events": count})
