"""What the log says that is worth a look: refusals, break-glass, guarded data, changes of rights, links, keys."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Case, CharField, Count, F, Max, Min, Q, QuerySet, Value, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import ExtractHour, ExtractIsoWeekDay, TruncHour

from accounts.models import AuditEvent, Outcome
from projects.permissions import BREAK_GLASS
from projects.reviews.findings import Finding, Period

# So many refusals within an hour stand out.
BURST = 5
# In PORTAL_WORK_ZONE; what is outside them, or on a weekend, is marked.
WORK_BEGINS, WORK_ENDS, SATURDAY = 7, 20, 6
GUARDED = ("confidential", "restricted")
DATA_ACTIONS = ("dataset.download", "dataset.preview", "dataset.read")
CHANGES = (
    "member.add",
    "member.role",
    "member.remove",
    "member.end",
    "role.create",
    "role.change",
    "role.delete",
    "access.grant",
    "access.revoke",
    "access.end",
    "robot.create",
    "robot.change",
    "robot.disable",
    "robot.enable",
    "robot.delete",
    "dataset.sensitivity",
    "dataset.access_grant",
    "dataset.access_end",
)
PLATFORM_CHANGES = ("user.create", "user.platform_role", "mfa.reset", "account.open")
_REASONS = 5


def _who(rows: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
    """Name who stands behind each record: the person; for a sign-in that failed, whose it would have been."""
    empty = Value("", output_field=CharField())
    return rows.annotate(
        behind=Case(
            When(~Q(on_behalf_of=""), then=F("on_behalf_of")),
            When(actor_kind="anonymous", then=F("target_label")),
            default=F("actor_label"),
            output_field=CharField(),
        ),
        person=Case(
            When(Q(on_behalf_of="") & Q(actor_kind="user"), then=F("actor_id")),
            default=empty,
            output_field=CharField(),
        ),
        meant=Case(
            When(actor_kind="anonymous", then=F("target_id")), default=empty, output_field=CharField()
        ),
    )


def refused(period: Period) -> Iterator[Finding]:
    """Who was denied, and whose attempts failed; many within an hour stand out."""
    people: dict[str, dict[str, Any]] = {}
    rows = _who(period.events().exclude(outcome=Outcome.OK)).annotate(hour=TruncHour("at"))
    counted = (
        rows.order_by().values("behind", "person", "meant", "hour", "outcome").annotate(count=Count("id"))
    )
    for row in counted:
        one = people.setdefault(
            row["behind"], {"denied": 0, "failed": 0, "hours": {}, "person": "", "meant": row["meant"]}
        )
        one[row["outcome"]] += row["count"]
        one["hours"][row["hour"]] = one["hours"].get(row["hour"], 0) + row["count"]
        one["person"] = one["person"] or row["person"]
    for who, one in sorted(people.items(), key=lambda pair: -pair[1]["denied"] - pair[1]["failed"]):
        at, burst = max(one["hours"].items(), key=lambda pair: (pair[1], pair[0]))
        facts = {
            "denied": one["denied"],
            "failed": one["failed"],
            "most_in_an_hour": burst,
            "hour": at.isoformat(),
        }
        about = {"thing": f"user:{one['meant']}"} if one["meant"] else {"person": one["person"] or who}
        search = period.search(**about) if who else period.search(outcome=Outcome.FAILED)
        # Without a filter on the outcome: what somebody did in between belongs to the picture.
        yield Finding("refused", who, who, facts, burst >= BURST, search)


def lockouts(period: Period) -> Iterator[Finding]:
    """Sign-ins that were slowed down or locked for a while, by whose they would have been."""
    rows = period.events().filter(outcome=Outcome.DENIED, detail__reason="throttled").order_by()
    for row in rows.values("target_id", "target_label").annotate(
        count=Count("id"), last=Max("at"), addresses=ArrayAgg("ip", distinct=True, default=Value([]))
    ):
        about = {"thing": f"user:{row['target_id']}"} if row["target_id"] else {"outcome": "denied"}
        facts = {
            "count": row["count"],
            "last_at": row["last"].isoformat(),
            "addresses": sorted(filter(None, row["addresses"]))[:10],
        }
        yield Finding("lockout", row["target_id"], row["target_label"], facts, True, period.search(**about))


def break_glass(period: Period) -> Iterator[Finding]:
    """Each way in by break-glass: why, by whom, and what was done on it."""
    for event in period.events().filter(action="breakglass.enter", outcome=Outcome.OK).order_by("at"):
        hours = int(event.detail.get("hours", 24))
        steps = period.log().filter(
            actor_id=event.actor_id,
            via=BREAK_GLASS,
            at__gte=event.at,
            at__lt=event.at + timedelta(hours=hours),
        )
        done = steps.order_by().values_list("action").annotate(count=Count("id")).order_by("-count", "action")
        facts = {
            "at": event.at.isoformat(),
            "reason": event.detail.get("reason", ""),
            "hours": hours,
            "repair": bool(event.detail.get("repair")),
            "done": dict(done[:12]),
        }
        search = period.search(person=event.actor_id, via=BREAK_GLASS)
        yield Finding("break_glass", event.target_id, event.actor_label, facts, True, search)


def guarded_data(period: Period) -> Iterator[Finding]:
    """Who read, previewed or downloaded confidential and restricted data, and whose credentials were shown; why."""
    zone = ZoneInfo(settings.WORK_ZONE)
    rows = period.events().filter(
        Q(action__in=DATA_ACTIONS, detail__sensitivity__in=GUARDED) | Q(action="credential.reveal"),
        outcome=Outcome.OK,
    )
    day, hour = ExtractIsoWeekDay("at", tzinfo=zone), ExtractHour("at", tzinfo=zone)
    rows = _who(rows).annotate(weekday=day, clock=hour, why=KeyTextTransform("reason", "detail"))
    outside = Q(weekday__gte=SATURDAY) | Q(clock__lt=WORK_BEGINS) | Q(clock__gte=WORK_ENDS)
    grouped = rows.order_by().values("behind", "action", "target_type", "target_id", "target_label")
    for row in grouped.annotate(
        level=Max(KeyTextTransform("sensitivity", "detail")),
        count=Count("id"),
        first=Min("at"),
        last=Max("at"),
        odd=Count("id", filter=outside),
        reasons=ArrayAgg("why", distinct=True, filter=Q(why__isnull=False), default=Value([])),
        without=Count("id", filter=Q(why__isnull=True)),
    ).order_by("-count", "behind"):
        facts = {
            "action": row["action"],
            "thing": row["target_label"],
            "sensitivity": row["level"] or "",
            "count": row["count"],
            "outside_hours": row["odd"],
            "reasons": row["reasons"][:_REASONS],
            "without_reason": row["without"],
            "first_at": row["first"].isoformat(),
            "last_at": row["last"].isoformat(),
        }
        search = period.search(thing=f"{row['target_type']}:{row['target_id']}", action=row["action"])
        key = f"{row['behind']}:{row['action']}:{row['target_id']}"
        yield Finding("data", key, row["behind"], facts, row["odd"] > 0, search)


def _each(kind: str, rows: QuerySet[AuditEvent], period: Period, notable: bool = False) -> Iterator[Finding]:
    for event in rows.filter(outcome=Outcome.OK).order_by("at", "id").iterator(chunk_size=1000):
        facts = {
            "at": event.at.isoformat(),
            "action": event.action,
            "thing": event.target_label,
            "detail": event.detail,
        }
        search = period.search(action=event.action)
        if event.target_id:
            search = period.search(thing=f"{event.target_type}:{event.target_id}")
        yield Finding(kind, str(event.pk), event.who, facts, notable, search)


def changes(period: Period) -> Iterator[Finding]:
    """Each change of who may do what."""
    names = CHANGES if period.account_id else PLATFORM_CHANGES
    yield from _each("change", period.events().filter(action__in=names), period)


def links(period: Period) -> Iterator[Finding]:
    """Each change of a link, by either side."""
    yield from _each("link", period.events().filter(action__startswith="link."), period)


def keys(period: Period) -> Iterator[Finding]:
    """Rotations and shredding of keys, suspending and closing of the account, disposal of old records."""
    named = Q(action__startswith="key.") | Q(
        action__in=(
            "audit.rotate_key",
            "audit.dispose",
            "account.suspend",
            "account.reopen",
            "account.close",
            "account.closed",
        )
    )
    yield from _each("key", period.events().filter(named), period, notable=True)
