"""The project's audit log: filters, a timeline, the records, one record in full."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit.status import status_of
from accounts.models import AuditEvent, Outcome
from projects.audit_log import matching, record_reading
from projects.audit_verification import ask_verification
from projects.doors.grant import Grant
from projects.doors.pages import ProjectView
from projects.forms import AuditFilterForm
from projects.views.common import page_of

DAYS = 30
TONES = {Outcome.OK: "ok", Outcome.DENIED: "bad", Outcome.FAILED: "warn"}


def wanted_of(form: AuditFilterForm) -> dict[str, Any]:
    """Turn the form's days into moments; what does not parse matches all, and the form says so."""
    wanted = dict(form.cleaned_data) if form.is_valid() else {}
    if since := wanted.get("since"):
        wanted["since"] = datetime.combine(since, time(), UTC)
    if until := wanted.get("until"):
        wanted["until"] = datetime.combine(until + timedelta(days=1), time(), UTC)
    return wanted


def timeline(rows: QuerySet[AuditEvent], wanted: dict[str, Any]) -> dict[str, Any]:
    """Return the ECharts option of events a day and outcome, for the period asked for or the last 30 days."""
    today = timezone.now().date()
    last = min(today, (wanted["until"] - timedelta(days=1)).date()) if wanted.get("until") else today
    first = max(wanted["since"].date() if wanted.get("since") else last - timedelta(days=DAYS - 1), date.min)
    first = max(first, last - timedelta(days=366))
    counted: Iterable[Any] = (
        rows.filter(at__gte=datetime.combine(first, time(), UTC))
        .annotate(day=TruncDate("at", tzinfo=UTC))
        .values_list("day", "outcome")
        .annotate(count=Count("id"))
        .order_by("day")
    )
    counts = {(day, outcome): count for day, outcome, count in counted}
    days = [first + timedelta(days=index) for index in range((last - first).days + 1)]
    return {
        "legend": {"top": 0, "left": 0},
        "xAxis": {"type": "category", "data": [day.isoformat() for day in days]},
        "yAxis": {"type": "value", "minInterval": 1},
        "series": [
            {
                "name": str(outcome.label),
                "type": "bar",
                "stack": "events",
                "tone": TONES[outcome],
                "barMaxWidth": 18,
                "data": [counts.get((day, outcome.value), 0) for day in days],
            }
            for outcome in Outcome
        ],
    }


def chosen(rows: QuerySet[AuditEvent], request: HttpRequest) -> AuditEvent | None:
    """Return the record that `?event=` asks to see in full, if it is there."""
    try:
        pk = UUID(request.GET.get("event", ""))
    except ValueError:
        return None
    return rows.filter(pk=pk).first()


def links_without(request: HttpRequest, *names: str) -> str:
    """Return the query string without some of its parameters, for links that keep the filters."""
    query = request.GET.copy()
    for name in names:
        query.pop(name, None)
    return query.urlencode()


class AuditPage(ProjectView):
    """Who did what, to which thing, when, from where. Looking is itself recorded."""

    actions: ClassVar[dict[str, str]] = {"get": "audit.read"}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        form = AuditFilterForm(request.GET or None)
        wanted = wanted_of(form) if form.is_bound else {}
        own = AuditEvent.objects.filter(account_id=grant.account_id)
        rows = matching(own, wanted)
        context = page_of(request, rows, ordering=("-at", "-id"))
        log_url = f"/api/v1/projects/{grant.slug}/audit-log"
        context |= {
            "form": form,
            "filtered": any(wanted.values()),
            "chart": timeline(rows, wanted),
            "event": chosen(own, request),
            "query": links_without(request, "event"),
            "seal": status_of(grant.account_id),
            "verify_url": reverse("project:audit_verify", args=[grant.slug]),
            "verify_api": f"{log_url}/verify",
            "receipt_url": f"{log_url}/receipt",
            "exports": [
                {"label": _("Export for verification"), "url": f"{log_url}/export"},
                {"label": _("Export as CSV"), "url": f"{log_url}/export?format=csv"},
            ],
            "api_url": f"/api/v1/projects/{grant.slug}/audit-events",
        }
        record_reading(wanted, len(context["rows"]))
        return self.page(request, "projects/audit.html", context)


class AuditVerifyPage(ProjectView):
    """The button “Verify now”: an operation, which says how far it is and what it found."""

    actions: ClassVar[dict[str, str]] = {"post": "audit.read"}

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        operation = ask_verification(grant)
        return HttpResponseRedirect(reverse("project:operation", args=[grant.slug, operation.pk]))
