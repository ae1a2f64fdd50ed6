"""The histogram over an audit log: records an hour, a day or a month, by outcome; a bar leads to its own period."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, QuerySet
from django.db.models.functions import Trunc
from django.utils import timezone

from accounts.models import AuditEvent, Outcome
from projects.audit_log import period_of

DAYS = 30
LONGEST = timedelta(days=366 * 10)
# Up to so many days are shown by the hour, and from so many on by the month.
HOURLY, MONTHLY = 2, 124
TONES = {Outcome.OK: "ok", Outcome.DENIED: "bad", Outcome.FAILED: "warn"}


def _shown(wanted: dict[str, Any]) -> tuple[date, date]:
    """The first and the last day shown: those of the period asked for, or the last 30 days."""
    since, until = period_of(wanted)
    today = timezone.now().date()
    last = min(today, (until - timedelta(microseconds=1)).date()) if until else today
    first = since.date() if since else last - timedelta(days=DAYS - 1)
    return max(min(first, last), last - LONGEST), last


def _month_after(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def _starts(kind: str, first: date, last: date) -> list[datetime]:
    """When each bar begins."""
    if kind == "month":
        days = [first.replace(day=1)]
        while (following := _month_after(days[-1])) <= last:
            days.append(following)
    else:
        days = [first + timedelta(days=index) for index in range((last - first).days + 1)]
    midnights = [datetime.combine(day, time(), UTC) for day in days]
    if kind != "hour":
        return midnights
    return [midnight + timedelta(hours=hour) for midnight in midnights for hour in range(24)]


def histogram(rows: QuerySet[AuditEvent], wanted: dict[str, Any], query: dict[str, str]) -> dict[str, Any]:
    """Return `option` (of ECharts; a bar's `url` asks for its period), and `bars`: the same as links with counts.

    `query` is what else the links keep.
    """
    first, last = _shown(wanted)
    length = (last - first).days + 1
    kind = "hour" if length <= HOURLY else "month" if length > MONTHLY else "day"
    starts = _starts(kind, first, last)
    counted: Iterable[Any] = (
        rows.filter(at__gte=starts[0])
        .annotate(bar=Trunc("at", kind, tzinfo=UTC))
        .values_list("bar", "outcome")
        .annotate(count=Count("id"))
        .order_by()
    )
    counts = {(bar, outcome): count for bar, outcome, count in counted}
    shape = {"hour": "%m-%d %H:00", "day": "%Y-%m-%d", "month": "%Y-%m"}[kind]
    names = [start.strftime(shape) for start in starts]
    urls = [_narrowed(kind, start.date(), query) for start in starts]
    option = {
        "legend": {"top": 0, "left": 0},
        "xAxis": {"type": "category", "data": names},
        "yAxis": {"type": "value", "minInterval": 1},
        "series": [
            {
                "name": str(outcome.label),
                "type": "bar",
                "stack": "events",
                "tone": TONES[outcome],
                "barMaxWidth": 18,
                "data": [
                    {"value": counts.get((start, outcome.value), 0), "url": url}
                    for start, url in zip(starts, urls, strict=True)
                ],
            }
            for outcome in Outcome
        ],
    }
    totals = [sum(counts.get((start, outcome.value), 0) for outcome in Outcome) for start in starts]
    bars = [
        {"name": name, "url": url, "count": total}
        for name, url, total in zip(names, urls, totals, strict=True)
        if total
    ]
    return {"option": option, "bars": bars, "kind": kind}


def _narrowed(kind: str, day: date, query: dict[str, str]) -> str:
    """The link that asks for a bar's days alone; an hour's bar asks for its day."""
    last = _month_after(day) - timedelta(days=1) if kind == "month" else day
    return "?" + urlencode({**query, "since": day.isoformat(), "until": last.isoformat()})
