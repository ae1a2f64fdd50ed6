"""Searching the audit log: one set of filters for the API, the pages and the stream. Reading is recorded too."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet, Value
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.audit import Target
from accounts.models import AuditEvent
from projects.audit_actions import actions_called

# Who, on whose behalf, what, which thing or kind of thing, outcome, way in, address, when; `person` and `thing` are
# what links use: one person whatever the token, one thing by its type and id.
FILTERS = (
    "q",
    "actor",
    "on_behalf_of",
    "person",
    "action",
    "target",
    "target_type",
    "thing",
    "outcome",
    "via",
    "ip",
    "period",
    "since",
    "until",
)
# What an auditor, who reads every account's log, can ask for beyond those.
ROOM_FILTERS = ("account",)
PLATFORM_ITSELF = "platform"

PERIODS = {
    "1h": (_("Last hour"), timedelta(hours=1)),
    "24h": (_("Last 24 hours"), timedelta(hours=24)),
    "7d": (_("Last 7 days"), timedelta(days=7)),
    "30d": (_("Last 30 days"), timedelta(days=30)),
    "90d": (_("Last 90 days"), timedelta(days=90)),
    "365d": (_("Last year"), timedelta(days=365)),
}
PERIOD_CHOICES = [(name, label) for name, (label, _length) in PERIODS.items()]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as the log knows them: `id` is empty where only a name is, as of a person who used tokens alone."""

    kind: str
    id: str
    name: str

    @property
    def key(self) -> str:
        """How addresses and the filter `person` name them."""
        return self.id or self.name

    def acts(self) -> Q:
        """What they did themselves, and what tokens, runs and tasks did on their behalf."""
        own = Q(actor_id=self.id) if self.id else Q(actor_label=self.name)
        return own | Q(on_behalf_of=self.name) if self.kind == "user" else own


_BEHALF = 2


def find_person(rows: QuerySet[AuditEvent], key: str) -> Person | None:
    """Return whom `key`, an actor's id or a name, means in these rows, by the newest record of each; None for nobody.

    Only the log is asked: it outlives people, and shows nobody whom it does not hold.
    """
    people = rows.filter(actor_kind="user")
    # In this order; each by its index, and all in one query.
    ways = (
        people.filter(actor_id=key),
        people.filter(actor_label=key),
        rows.filter(on_behalf_of=key),
        rows.filter(actor_id=key),
        rows.filter(actor_label=key),
    )
    columns = ("way", "actor_kind", "actor_id", "actor_label")
    newest = [
        way.annotate(way=Value(place)).order_by("-at").values_list(*columns)[:1]
        for place, way in enumerate(ways)
    ]
    found = min(newest[0].union(*newest[1:], all=True), default=None)
    if found is None:
        return None
    place, kind, pk, name = found
    return Person("user", "", key) if place == _BEHALF else Person(kind, pk, name)


def _spellings(text: str) -> set[str]:
    """As typed, and in lower case as usernames are: equality alone can use an index behind row level security."""
    return {text, text.lower()}


def _exact_or_start(column: str, text: str, ends: tuple[str, ...]) -> Q:
    return Q(**{f"{column}__startswith": text.removesuffix("*")} if text.endswith(ends) else {column: text})


def period_of(wanted: dict[str, Any]) -> tuple[datetime | None, datetime | None]:
    """Return from when (inclusive) and until when (exclusive); `since` goes before `period`, which counts from now."""
    since, until = wanted.get("since"), wanted.get("until")
    if since is None and (period := wanted.get("period")):
        since = timezone.now() - PERIODS[period][1]
    return since, until


def matching(rows: QuerySet[AuditEvent], wanted: dict[str, Any]) -> QuerySet[AuditEvent]:
    """Return the events that match; `wanted` holds parsed values of FILTERS, absent or empty ones match all."""
    since, until = period_of(wanted)
    if since:
        rows = rows.filter(at__gte=since)
    if until:
        rows = rows.filter(at__lt=until)
    if key := wanted.get("person"):
        person = find_person(rows, key)
        rows = rows.filter(person.acts()) if person else rows.none()
    if thing := wanted.get("thing"):
        kind, _colon, pk = thing.partition(":")
        rows = rows.filter(target_type=kind, target_id=pk)
    if actor := wanted.get("actor"):
        names = _spellings(actor)
        rows = rows.filter(Q(actor_id=actor) | Q(actor_label__in=names) | Q(on_behalf_of__in=names))
    if behalf := wanted.get("on_behalf_of"):
        rows = rows.filter(on_behalf_of__in=_spellings(behalf))
    if action := wanted.get("action"):
        rows = rows.filter(_exact_or_start("action", action, ("*", ".")))
    if address := wanted.get("ip"):
        rows = rows.filter(_exact_or_start("ip", address, ("*", ".", ":")))
    for column in ("target_type", "outcome", "via"):
        if value := wanted.get(column):
            rows = rows.filter(**{column: value})
    if target := wanted.get("target"):
        kind, _colon, pk = target.partition(":")
        rows = rows.filter(
            Q(target_id=target) | Q(target_label__icontains=target) | Q(target_type=kind, target_id=pk)
        )
    if word := wanted.get("q"):
        rows = rows.filter(
            Q(actor_label__icontains=word)
            | Q(on_behalf_of__icontains=word)
            | Q(action__icontains=word)
            | Q(action__in=actions_called(word))
            | Q(target_label__icontains=word)
        )
    return rows


def matching_everywhere(rows: QuerySet[AuditEvent], wanted: dict[str, Any]) -> QuerySet[AuditEvent]:
    """Return the events of all accounts that match; `account` is an account's id, or "platform" for what belongs to
    none.
    """
    if account := wanted.get("account"):
        rows = (
            rows.filter(account_id__isnull=True)
            if account == PLATFORM_ITSELF
            else rows.filter(account_id=account)
        )
    return matching(rows, wanted)


def asked_for(wanted: dict[str, Any]) -> dict[str, str]:
    """Return the filters in use as texts: for the record, and for addresses that ask the same."""
    return {
        name: value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)
        for name in (*ROOM_FILTERS, *FILTERS)
        if (value := wanted.get(name)) not in (None, "")
    }


def record_reading(wanted: dict[str, Any], count: int) -> None:
    """Put on record that somebody looked, through which filters, at how many events."""
    audit.record(
        "audit.read", Target("auditlog", "", ""), detail={"filters": asked_for(wanted), "events": count}
    )
