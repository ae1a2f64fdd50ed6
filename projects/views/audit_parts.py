"""What the pages of an audit log share, a project's and the audit room's: filters, links, a page of records."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Any, Protocol
from urllib.parse import quote, urlencode
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.models import AuditEvent, Outcome
from projects.audit_actions import action_in_words
from projects.audit_chart import histogram
from projects.audit_history import History, Tally, facts_of
from projects.audit_log import PERIOD_CHOICES, asked_for
from projects.audit_words import changes_in_words, facts_in_words
from projects.forms import AuditFilterForm
from projects.views.common import page_of

NEWEST_FIRST = ("-at", "-id")


class Addresses(Protocol):
    """Where the pages about a thing and a person are."""

    def thing(self, kind: str, pk: str, account_id: UUID | None) -> str: ...

    def person(self, key: str) -> str: ...


def wanted_of(form: forms.Form) -> dict[str, Any]:
    """Turn the form's days into moments; what does not parse matches all, and the form says so."""
    wanted = dict(form.cleaned_data) if form.is_bound and form.is_valid() else {}
    if since := wanted.get("since"):
        wanted["since"] = datetime.combine(since, time(), UTC)
    if (until := wanted.get("until")) and until < date.max:
        wanted["until"] = datetime.combine(until + timedelta(days=1), time(), UTC)
    elif until:
        wanted["until"] = None
    return wanted


def chosen(rows: QuerySet[AuditEvent], request: HttpRequest) -> AuditEvent | None:
    """Return the record that `?event=` asks to see in full, if it is there."""
    try:
        pk = UUID(request.GET.get("event", ""))
    except ValueError:
        return None
    return rows.filter(pk=pk).first()


def query_without(request: HttpRequest, *names: str) -> dict[str, str]:
    """Return the query's filled parameters without some of them, for links that keep the filters."""
    return {name: str(value) for name, value in request.GET.items() if value and name not in names}


def person_key(event: AuditEvent) -> str:
    """Return how the page of whoever stands behind a record is addressed."""
    if event.actor_kind == "user":
        return event.actor_id or event.actor_label
    return event.on_behalf_of or event.actor_id or event.actor_label


@dataclass(frozen=True, slots=True)
class Shown:
    """A record with its links, and what it changed."""

    event: AuditEvent
    thing_url: str
    person_url: str
    changes: list[Any]
    facts: dict[str, str]


def _key(text: str) -> str:
    # An address's last part must not be empty, nor end in what a path would lose.
    return text.strip("/")


def linked(events: Iterable[AuditEvent], addresses: Addresses) -> list[Shown]:
    """Return records with links to everything about their thing, and everything by their person."""
    return [
        Shown(
            event,
            addresses.thing(event.target_type, event.target_id, event.account_id)
            if event.target_type and _key(event.target_id) == event.target_id != ""
            else "",
            addresses.person(key) if (key := person_key(event)) and _key(key) == key else "",
            changes_in_words(event),
            facts_in_words(facts_of(event)),
        )
        for event in events
    ]


def chips(form: AuditFilterForm, request: HttpRequest) -> list[dict[str, str]]:
    """Return the filters in use as words, each with the address that leaves it out."""
    if not form.is_bound or not form.is_valid():
        return []
    found = []
    for name, value in form.cleaned_data.items():
        if value in (None, ""):
            continue
        field = form.fields[name]
        words = {"person": _("Person"), "thing": _("Thing")}
        shown = (
            dict(field.choices).get(value, value) if isinstance(field, forms.ChoiceField) else value  # type: ignore[arg-type]
        )
        if name == "action" and (told := action_in_words(value)) != value:
            shown = f"{told} ({value})"
        found.append(
            {
                "name": name,
                "label": words.get(name) or str(field.label),
                "value": str(shown),
                "url": "?" + urlencode(query_without(request, name, "cursor", "event")),
            }
        )
    return found


def search_context(
    request: HttpRequest,
    form: AuditFilterForm,
    log: QuerySet[AuditEvent],
    rows: QuerySet[AuditEvent],
    wanted: dict[str, Any],
    *,
    api: str,
    addresses: Addresses,
) -> dict[str, Any]:
    """Return what the search page shows: a page of `rows` of `log`, the histogram, and one record in full."""
    context = page_of(request, rows, ordering=NEWEST_FIRST)
    event = chosen(log, request)
    asked = asked_for(wanted)
    return context | {
        "form": form,
        "filtered": bool(asked),
        "chips": chips(form, request),
        "chart": histogram(
            rows, wanted, query_without(request, "cursor", "event", "period", "since", "until")
        ),
        "shown": linked(context["rows"], addresses),
        "event": event,
        "one": linked([event], addresses)[0] if event else None,
        "proof_url": f"{api}/{event.pk}/proof" if event else "",
        "query": urlencode(query_without(request, "event")),
        "api_url": f"{api}?{urlencode(asked)}" if asked else api,
    }


class PeriodForm(forms.Form):
    """Which part of a history to show. Days are in UTC."""

    period = forms.ChoiceField(choices=[("", ""), *PERIOD_CHOICES], required=False)
    outcome = forms.ChoiceField(choices=[("", ""), *Outcome.choices], required=False)
    since = forms.DateField(required=False)
    until = forms.DateField(required=False)


def period_form(request: HttpRequest) -> tuple[PeriodForm, dict[str, Any]]:
    """Return a history's filters, and what they ask for."""
    form = PeriodForm(request.GET or None)
    return form, wanted_of(form)


def _presets(request: HttpRequest, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    kept = query_without(request, "cursor", "event", "period", "since", "until")
    free = not (wanted.get("since") or wanted.get("until"))
    return [
        {
            "label": label,
            "url": "?" + urlencode({**kept, "period": name} if name else kept),
            "active": free and (wanted.get("period") or "") == name,
            "count": None,
        }
        for name, label in (("", _("All time")), *PERIOD_CHOICES)
        if name != "1h"
    ]


def _tallied(tallies: Sequence[Tally], address: Any) -> list[dict[str, Any]]:
    return [
        {"tally": each, "url": address(each) if each.key.strip("/") == each.key else ""} for each in tallies
    ]


def history_context(
    request: HttpRequest,
    form: PeriodForm,
    history: History,
    wanted: dict[str, Any],
    *,
    api: str,
    addresses: Addresses,
) -> dict[str, Any]:
    """Return what the page of a history shows: sums, histogram, and a page of records by day."""
    context = page_of(request, history.rows, ordering=NEWEST_FIRST)
    asked = asked_for(wanted)
    shown = linked(context["rows"], addresses)
    return context | {
        "form": form,
        "history": history,
        "presets": _presets(request, wanted),
        "chart": histogram(
            history.rows, wanted, query_without(request, "cursor", "event", "period", "since", "until")
        ),
        "days": [
            (day, list(events)) for day, events in groupby(shown, key=lambda each: each.event.at.date())
        ],
        "people": _tallied(history.people, lambda each: addresses.person(each.key)),
        "things": _tallied(
            history.things, lambda each: addresses.thing(each.kind, each.key, each.account_id)
        ),
        "api_url": quote(api, safe="/:") + (f"?{urlencode(asked)}" if asked else ""),
    }
