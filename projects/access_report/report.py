"""The report itself: both states, who could reach what in each, every change between, and how far back the log goes."""

from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Min, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit import Target
from accounts.errors import Invalid
from accounts.models import AuditDisposal, AuditEvent, Outcome
from projects.access_report.replay import ACTIONS, DOORS, KIND_OF, STEPS, replay
from projects.access_report.state import GUARDED, State

DEFAULT_DAYS = 31
# Before there was any portal; days are not reckoned to the calendar's own beginning.
_EARLIEST = date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Reach:
    """What one person could reach at a moment: role, permissions (`granted` ones beside the role's), guarded datasets,
    tokens.
    """

    role: str = ""
    until: datetime | None = None
    permissions: tuple[str, ...] = ()
    granted: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One person at the start and at the end; None where they could reach nothing."""

    person: str
    start: Reach | None
    end: Reach | None

    @property
    def change(self) -> str:
        """In one word: came, left, changed, same."""
        if self.start is None:
            return "came"
        if self.end is None:
            return "left"
        return "same" if self.start == self.end else "changed"


@dataclass(frozen=True, slots=True)
class Standing:
    """What else stood at both moments: links, credentials, ways in; each named once."""

    kind: str
    name: str
    start: str
    end: str


@dataclass(slots=True)
class Report:
    """Who could reach what from `first` to `last` (days in UTC, both within), as the log tells it."""

    account_id: UUID
    first: date
    last: date
    made_at: datetime
    complete: bool
    begins_at: datetime | None
    disposed_until: datetime | None
    start: State
    end: State
    people: list[Row] = field(default_factory=list)
    standing: list[Standing] = field(default_factory=list)
    changes: list[AuditEvent] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """How many changes of each kind there were."""
        counted = Counter(KIND_OF[event.action] for event in self.changes)
        return {kind: counted[kind] for kind in STEPS}

    def per_day(self) -> dict[str, dict[date, int]]:
        """How many changes of each kind there were on each day that had one."""
        found: dict[str, dict[date, int]] = {kind: {} for kind in STEPS}
        for event in self.changes:
            days = found[KIND_OF[event.action]]
            day = event.at.astimezone(UTC).date()
            days[day] = days.get(day, 0) + 1
        return found


def days_of(first: date | None, last: date | None) -> tuple[date, date]:
    """Return the period asked for: the last 31 days unless told. Raises `Invalid` for one that ends before it begins,
    or that has not begun.
    """
    today = timezone.now().date()
    last = max(min(last or today, today), _EARLIEST)
    first = max(first or last - timedelta(days=DEFAULT_DAYS - 1), _EARLIEST)
    if first > last:
        message = _("The period must begin before it ends, and not in the future.")
        raise Invalid("report.period", message, errors={"from": [message]})
    return first, last


def _moments(first: date, last: date) -> tuple[datetime, datetime]:
    ends = timezone.now()
    if last < ends.date():
        ends = datetime.combine(last + timedelta(days=1), time(), UTC)
    return datetime.combine(first, time(), UTC), ends


def make_report(account_id: UUID, first: date | None = None, last: date | None = None) -> Report:
    """Replay an account's log, in its scope or an auditor's. Three queries. Raises `Invalid`."""
    first, last = days_of(first, last)
    begins, ends = _moments(first, last)
    log = AuditEvent.objects.filter(account_id=account_id)
    known = log.aggregate(first=Min("at"), opened=Min("at", filter=Q(action="account.open")))
    disposed = AuditDisposal.objects.filter(log_id=account_id).order_by("-until").first()
    told = log.filter(action__in=ACTIONS, outcome=Outcome.OK, at__lt=ends).exclude(DOORS).order_by("at", "id")
    state, start, changes = State(), None, []
    for event in told.iterator(chunk_size=2000):
        if start is None and event.at >= begins:
            start = deepcopy(state.at(begins))  # what is replayed next changes these very things
        replay(state, (event,))
        if event.at >= begins:
            changes.append(event)
    if start is None:
        start = deepcopy(state.at(begins))
    report = Report(
        account_id,
        first,
        last,
        timezone.now(),
        complete=known["opened"] is not None,
        begins_at=known["first"],
        disposed_until=disposed.until if disposed else None,
        start=start,
        end=state.at(ends),
        changes=changes,
    )
    report.people = _people(report.start, report.end)
    report.standing = list(_standing(report.start, report.end))
    return report


def _people(start: State, end: State) -> list[Row]:
    before, after = reach(start), reach(end)
    return [Row(name, before.get(name), after.get(name)) for name in sorted({*before, *after})]


def reach(state: State) -> dict[str, Reach]:
    """What each person and robot could reach, by name. A suspended or closed account's doors are shut; what stood
    behind them is told all the same.
    """
    found = {one.user: _reach(state, one.user, one.role, one.until) for one in state.members.values()}
    for robot in state.robots.values():
        if not robot.disabled:
            found[robot.holder] = _reach(state, robot.holder, robot.role, robot.until)
    return found


def _reach(state: State, holder: str, role: str, until: datetime | None) -> Reach:
    granted = {given.what for given in state.grants.values() if given.bearer == holder}
    own = state.permissions(role)
    return Reach(
        role,
        until,
        tuple(sorted(own | granted)),
        tuple(sorted(granted - own)),
        tuple(sorted(_guarded(state, holder, role))),
        tuple(sorted(token.name for token in state.tokens.values() if token.user == holder)),
    )


def _guarded(state: State, user: str, role: str) -> Iterator[str]:
    for pk, dataset in state.datasets.items():
        if dataset.level in GUARDED and any(
            given.what == pk and given.is_for(user, role) for given in state.dataset_grants.values()
        ):
            yield f"{dataset.name} ({dataset.level})"


def _named(things: dict[str, Any], name: Any, what: Any) -> dict[str, str]:
    return {name(one): what(one) for one in things.values()}


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "∞"


def _standing(start: State, end: State) -> Iterator[Standing]:
    """Links, credentials, guarded datasets, custom roles and ways in, at the start and at the end."""
    parts: list[tuple[str, Any]] = [
        ("roles", lambda state: {name: ", ".join(sorted(held)) for name, held in state.roles.items()}),
        ("robots", lambda state: _named(state.robots, lambda robot: robot.name, _robot)),
        ("data", lambda state: _named(state.datasets, lambda d: d.name, lambda d: d.level)),
        ("credentials", lambda state: _named(state.credentials, lambda c: c.name, _credential)),
        ("links", lambda state: _named(state.links, lambda link: link.label, _link)),
        ("break_glass", lambda state: _named(state.ways, lambda way: way.who, _way)),
    ]
    for kind, named in parts:
        before, after = named(start), named(end)
        for name in sorted({*before, *after}):
            yield Standing(kind, name, before.get(name, ""), after.get(name, ""))


def _robot(robot: Any) -> str:
    return f"{robot.role}, disabled" if robot.disabled else str(robot.role)


def _credential(credential: Any) -> str:
    return f"{credential.kind} v{credential.version}"


def _link(link: Any) -> str:
    return f"{link.namespace} → {_day(link.until)}"


def _way(way: Any) -> str:
    return f"{way.reason} → {_day(way.until)}"


def record_report(report: Report, format: str = "") -> None:
    """Put on record that somebody made or took away a report."""
    action = "audit.export" if format else "report.read"
    detail = {"report": "access", "from": report.first.isoformat(), "to": report.last.isoformat()}
    if format:
        detail["format"] = format
    audit.record(action, Target("accessreport", str(report.account_id), ""), detail=detail)
