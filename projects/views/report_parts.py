"""What the pages of an access report share, the audit room's and a project's: the period, both ends, the changes."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEvent
from projects.access_report.replay import KIND_OF, STEPS
from projects.access_report.report import Reach, Report, make_report, record_report
from projects.audit_history import facts_of
from projects.audit_words import changes_in_words, facts_in_words, level_in_words
from projects.explained import explained
from projects.holdings import role_label

KINDS = {
    "members": _("Members"),
    "roles": _("Roles"),
    "permissions": _("Permissions for a time"),
    "data": _("Datasets and grants on them"),
    "robots": _("Robots"),
    "tokens": _("Tokens"),
    "credentials": _("Credentials"),
    "links": _("Links"),
    "break_glass": _("Break-glass"),
    "account": _("Account"),
}
assert set(KINDS) == set(STEPS)
CHANGES = {"came": _("came"), "left": _("left"), "changed": _("changed"), "same": _("as before")}
# A page shows the newest of the changes; the files hold them all.
SHOWN = 300
# From so many days on the chart counts by the month.
MONTHLY = 100


class PeriodForm(forms.Form):
    """Which days; both belong to the period."""

    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def clean(self) -> dict[str, Any]:
        """The period must be one."""
        cleaned: dict[str, Any] = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and (since > timezone.now().date() or (until and since > until)):
            self.add_error("since", _("The period must begin before it ends, and not in the future."))
        return cleaned


def _buckets(report: Report) -> tuple[list[str], Callable[[date], str]]:
    days = (report.last - report.first).days + 1
    shape = "%Y-%m-%d" if days <= MONTHLY else "%Y-%m"
    begins = max(report.first, min((event.at.date() for event in report.changes), default=report.first))
    length = (report.last - begins).days + 1 if days > MONTHLY else days
    first = begins if days > MONTHLY else report.first
    names = dict.fromkeys((first + timedelta(days=index)).strftime(shape) for index in range(length))
    return list(names), lambda day: day.strftime(shape)


def chart_of(report: Report) -> dict[str, Any]:
    """Return what ECharts draws: how many changes of each kind, by day or by month."""
    names, name_of = _buckets(report)
    series = []
    for kind, days in report.per_day().items():
        counts = dict.fromkeys(names, 0)
        for day, count in days.items():
            counts[name_of(day)] = counts.get(name_of(day), 0) + count
        if days:
            series.append(
                {
                    "name": str(KINDS[kind]),
                    "type": "bar",
                    "stack": "changes",
                    "barMaxWidth": 18,
                    "data": [counts[name] for name in names],
                }
            )
    return {
        "legend": {"top": 0, "left": 0, "type": "scroll"},
        "xAxis": {"type": "category", "data": names},
        "yAxis": {"type": "value", "minInterval": 1},
        "series": series,
    }


def _reach(reach: Reach) -> dict[str, Any]:
    return {
        "role": role_label(reach.role),
        "granted": [(explained(permission), permission) for permission in reach.granted],
        "permissions": [(explained(permission), permission) for permission in reach.permissions],
        "datasets": [_with_level(name) for name in reach.datasets],
    }


def _with_level(named: str) -> str:
    """A report calls a guarded dataset “name (level)”."""
    name, _bracket, level = named.rpartition(" (")
    return f"{name} ({level_in_words(level.removesuffix(')'))})"


def _standing_in_words(kind: str, text: str) -> str:
    """What stood of this kind at one end, for reading; files and the API keep the report's own words."""
    if kind == "data":
        return level_in_words(text)
    if kind == "roles" and text:
        return " · ".join(map(explained, text.split(", ")))
    if kind == "robots" and text:
        role, _comma, disabled = text.partition(", ")
        return f"{role_label(role)}, {_('Disabled')}" if disabled else role_label(role)
    return text


def _people(report: Report) -> list[dict[str, Any]]:
    order = ("came", "left", "changed", "same")
    rows = sorted(report.people, key=lambda row: (order.index(row.change), row.person))
    return [
        {
            "row": row,
            "change": CHANGES[row.change],
            "ends": [
                {"reach": reach, "label": label, **(_reach(reach) if reach else {})}
                for reach, label in ((row.start, _("At the start")), (row.end, _("At the end")))
            ],
        }
        for row in rows
    ]


def _change(event: AuditEvent) -> dict[str, Any]:
    return {
        "event": event,
        "kind": KINDS[KIND_OF[event.action]],
        "changes": changes_in_words(event),
        "facts": facts_in_words(facts_of(event)),
    }


def report_context(request: HttpRequest, account_id: Any, api: str) -> dict[str, Any]:
    """Return what the page shows, and put on record that it was looked at. Four queries."""
    form = PeriodForm(request.GET or None)
    days = form.cleaned_data if form.is_bound and form.is_valid() else {}
    report = make_report(account_id, days.get("since"), days.get("until"))
    if not form.is_bound or form.is_valid():
        form = PeriodForm(initial={"since": report.first, "until": report.last})
    record_report(report)
    query = urlencode({"from": report.first, "to": report.last})
    standing: dict[str, list[Any]] = {}
    for thing in report.standing:
        start, end = (_standing_in_words(thing.kind, text) for text in (thing.start, thing.end))
        standing.setdefault(thing.kind, []).append({"name": thing.name, "start": start, "end": end})
    return {
        "form": form,
        "report": report,
        "people": _people(report),
        "standing": [(KINDS[kind], things) for kind, things in standing.items()],
        "counts": [(KINDS[kind], count) for kind, count in report.counts.items() if count],
        "chart": chart_of(report),
        "changes": [_change(event) for event in reversed(report.changes[-SHOWN:])],
        "not_shown": max(0, len(report.changes) - SHOWN),
        "api_url": f"{api}?{query}",
        "files": [
            {"label": "CSV", "url": f"{api}/export?{query}&format=csv"},
            {"label": "JSON", "url": f"{api}/export?{query}&format=json"},
        ],
    }
