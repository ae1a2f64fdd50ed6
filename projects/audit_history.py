"""One thing's history and one person's: what the audit log holds of them, summed up."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Max, Min, Q, QuerySet, Value
from django.utils.translation import gettext as _

from accounts.errors import NotFound
from accounts.models import AuditEvent, Outcome
from projects.audit_log import Person, find_person, matching

MOST = 12


@dataclass(frozen=True, slots=True)
class Tally:
    """How often, and from when to when, one person, thing, action or address occurs."""

    key: str
    label: str
    count: int
    first_at: datetime
    last_at: datetime
    kind: str = ""
    behalf: str = ""
    account_id: UUID | None = None


@dataclass(slots=True)
class History:
    """The records of one thing or person in a period, and their sums; the lists hold the most frequent."""

    rows: QuerySet[AuditEvent]
    count: int
    first_at: datetime | None
    last_at: datetime | None
    refused: int
    labels: list[str] = field(default_factory=list)
    people: list[Tally] = field(default_factory=list)
    things: list[Tally] = field(default_factory=list)
    actions: list[Tally] = field(default_factory=list)
    addresses: list[Tally] = field(default_factory=list)


def _tallies(rows: QuerySet[AuditEvent], *columns: str) -> list[dict[str, Any]]:
    grouped = rows.order_by().values(*columns)
    counted = grouped.annotate(count=Count("id"), first_at=Min("at"), last_at=Max("at"))
    return list(counted.order_by("-count", *columns)[:MOST])


def _by(rows: QuerySet[AuditEvent], *columns: str) -> list[list[Tally]]:
    """Return the tallies of each column, in one query for all."""
    counted = [
        rows.exclude(**{column: ""})
        .order_by()
        .annotate(way=Value(place), key=F(column))
        .values("way", "key")
        .annotate(count=Count("id"), first_at=Min("at"), last_at=Max("at"))
        .order_by("-count", "key")[:MOST]
        for place, column in enumerate(columns)
    ]
    found: list[list[Tally]] = [[] for _column in columns]
    for each in counted[0].union(*counted[1:], all=True):
        found[each["way"]].append(
            Tally(each["key"], each["key"], each["count"], each["first_at"], each["last_at"])
        )
    return [sorted(tallies, key=lambda tally: (-tally.count, tally.key)) for tallies in found]


def _people(rows: QuerySet[AuditEvent]) -> list[Tally]:
    return [
        Tally(
            each["on_behalf_of"] or each["actor_id"] or each["actor_label"],
            each["actor_label"],
            each["count"],
            each["first_at"],
            each["last_at"],
            each["actor_kind"],
            each["on_behalf_of"],
        )
        for each in _tallies(rows, "actor_kind", "actor_id", "actor_label", "on_behalf_of")
    ]


def _things(rows: QuerySet[AuditEvent]) -> list[Tally]:
    named = rows.exclude(target_id="").order_by().values("target_type", "target_id", "account_id")
    counted = named.annotate(
        count=Count("id"), first_at=Min("at"), last_at=Max("at"), label=Max("target_label")
    )
    return [
        Tally(
            each["target_id"],
            each["label"] or each["target_id"],
            each["count"],
            each["first_at"],
            each["last_at"],
            each["target_type"],
            account_id=each["account_id"],
        )
        for each in counted.order_by("-count", "target_type", "target_id")[:MOST]
    ]


def _summed(rows: QuerySet[AuditEvent]) -> History:
    found = rows.aggregate(
        count=Count("id"),
        first_at=Min("at"),
        last_at=Max("at"),
        fine=Count("id", filter=Q(outcome=Outcome.OK)),
    )
    fine = found.pop("fine")
    return History(rows, refused=found["count"] - fine, **found)


def thing_history(
    log: QuerySet[AuditEvent], kind: str, pk: str, wanted: dict[str, Any] | None = None
) -> History:
    """Return what happened to one thing. Raises `NotFound` where the log has no record of it at all."""
    named = log.filter(target_type=kind, target_id=pk) if "\0" not in kind + pk else log.none()
    labels = list(named.order_by().values_list("target_label", flat=True).distinct()[:MOST])
    if not labels:
        raise NotFound("audit.thing_not_found", _("The audit log has no record of such a thing."))
    history = _summed(matching(named, wanted or {}))
    history.labels = sorted(filter(None, labels))
    history.people = _people(history.rows)
    history.actions, history.addresses = _by(history.rows, "action", "ip")
    return history


def person_history(
    log: QuerySet[AuditEvent], key: str, wanted: dict[str, Any] | None = None
) -> tuple[Person, History]:
    """Return who is meant, and what they did, themselves or through tokens and runs. Raises `NotFound`."""
    person = find_person(log, key) if "\0" not in key else None
    if person is None:
        raise NotFound("audit.person_not_found", _("The audit log has no record of such a person."))
    history = _summed(matching(log.filter(person.acts()), wanted or {}))
    history.labels = [person.name]
    history.things = _things(history.rows)
    history.actions, history.addresses = _by(history.rows, "action", "ip")
    return person, history


@dataclass(frozen=True, slots=True)
class Change:
    """What one record says was changed: a field's name (empty for the thing itself), before and after."""

    name: str
    before: Any
    after: Any


# Their `from` and `to` are the first and the last day of what was read: nothing became anything.
_PERIODS = frozenset({"report.read", "audit.export"})


def changes_of(event: AuditEvent) -> list[Change]:
    """Return the changes that a record's detail holds: `from`/`to`, `before`/`after`, or `changed` by field."""
    detail = {} if event.action in _PERIODS else event.detail
    changes = [
        Change("", detail.get(old), detail.get(new))
        for old, new in (("from", "to"), ("before", "after"))
        if old in detail and new in detail
    ]
    changed = detail.get("changed")
    if isinstance(changed, dict):
        for name, pair in changed.items():
            both = isinstance(pair, list) and len(pair) == 2
            changes.append(Change(name, pair[0] if both else None, pair[1] if both else pair))
    return changes


def facts_of(event: AuditEvent) -> dict[str, Any]:
    """Return what a record's detail says beside the changes; the days of what was read as one period."""
    if event.action in _PERIODS and {"from", "to"} <= set(event.detail):
        rest = {name: value for name, value in event.detail.items() if name not in ("from", "to")}
        return {"period": f"{event.detail['from']} – {event.detail['to']}", **rest}
    shown = {"changed"} if isinstance(event.detail.get("changed"), dict) else set()
    for pair in (("from", "to"), ("before", "after")):
        if all(name in event.detail for name in pair):
            shown |= set(pair)
    return {name: value for name, value in event.detail.items() if name not in shown}
