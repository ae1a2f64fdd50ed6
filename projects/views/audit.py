"""The project's audit log: search, one thing's history, one person's history, and “verify now”."""

from typing import ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.audit.status import status_of
from accounts.models import AuditEvent
from projects.actions.searches import visible_searches
from projects.audit_history import person_history, thing_history
from projects.audit_log import asked_for, matching, record_reading
from projects.audit_suggestions import suggestions
from projects.audit_tail import UNENDING_WITHOUT
from projects.audit_verification import ask_verification
from projects.audit_words import kind_in_words
from projects.doors.grant import Grant
from projects.doors.pages import ProjectView
from projects.forms import AuditFilterForm
from projects.views.audit_parts import (
    chips,
    history_context,
    period_form,
    query_without,
    search_context,
    wanted_of,
)
from projects.views.search_parts import saved_context


class ProjectAddresses:
    """Where a project's pages about a thing and a person are."""

    def __init__(self, slug: str) -> None:
        self.slug = slug

    def thing(self, kind: str, pk: str, account_id: UUID | None) -> str:
        return reverse("project:audit_thing", args=[self.slug, kind, pk])

    def person(self, key: str) -> str:
        return reverse("project:audit_person", args=[self.slug, key])


class AuditPage(ProjectView):
    """Who did what, to which thing, when, from where. Looking is itself recorded."""

    actions: ClassVar[dict[str, str]] = {"get": "audit.read"}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        own = AuditEvent.objects.filter(account_id=grant.account_id)
        form = AuditFilterForm(request.GET or None, suggested=suggestions(own))
        wanted = wanted_of(form)
        log_url = f"/api/v1/projects/{grant.slug}/audit-log"
        context = search_context(
            request,
            form,
            own,
            matching(own, wanted),
            wanted,
            api=f"/api/v1/projects/{grant.slug}/audit-events",
            addresses=ProjectAddresses(grant.slug),
        )
        context |= {
            "live_url": reverse("project:audit_live", args=[grant.slug])
            + f"?{urlencode(query_without(request, 'cursor', 'event'))}",
            "forwarding_url": reverse("project:forwarding", args=[grant.slug]),
            **saved_context(
                visible_searches(grant),
                grant.person_id,
                form,
                request,
                url=reverse("project:audit_searches", args=[grant.slug]),
                api=f"/api/v1/projects/{grant.slug}/audit-searches",
                any_shared=grant.can("member.manage"),
                may_save=grant.person_id is not None and grant.break_glass_id is None,
            ),
            "report_url": reverse("project:access_report", args=[grant.slug]),
            "reviews_url": reverse("project:audit_reviews", args=[grant.slug]),
            "seal": status_of(grant.account_id),
            "consistency_url": f"{log_url}/consistency",
            "verify_url": reverse("project:audit_verify", args=[grant.slug]),
            "verify_api": f"{log_url}/verify",
            "receipt_url": f"{log_url}/receipt",
            "exports": [
                {"label": _("Export for verification"), "url": f"{log_url}/export"},
                {"label": _("Export as CSV"), "url": f"{log_url}/export?format=csv"},
            ],
        }
        record_reading(wanted, len(context["rows"]))
        return self.page(request, "projects/audit.html", context)


class AuditLivePage(ProjectView):
    """The log as it is sealed, through the same filters. The stream itself is what is recorded."""

    actions: ClassVar[dict[str, str]] = {"get": "audit.read"}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        form = AuditFilterForm(request.GET or None)
        asked = {
            name: value for name, value in asked_for(wanted_of(form)).items() if name not in UNENDING_WITHOUT
        }
        events = f"/api/v1/projects/{grant.slug}/audit-log/events"
        context = {
            "chips": [chip for chip in chips(form, request) if chip["name"] not in UNENDING_WITHOUT],
            "events_url": f"{events}?{urlencode({**asked, 'words': 'true'})}",
            "log_url": reverse("project:audit", args=[grant.slug])
            + (f"?{urlencode(query_without(request, 'cursor', 'event'))}" if request.GET else ""),
        }
        return self.page(request, "projects/audit_live.html", context)


class AuditThingPage(ProjectView):
    """Everything that happened to one thing, as a timeline."""

    actions: ClassVar[dict[str, str]] = {"get": "audit.read"}

    def get(self, request: HttpRequest, grant: Grant, kind: str, pk: str) -> HttpResponse:
        own = AuditEvent.objects.filter(account_id=grant.account_id)
        form, wanted = period_form(request)
        history = thing_history(own, kind, pk, wanted)
        addresses = ProjectAddresses(grant.slug)
        context = history_context(
            request,
            form,
            history,
            wanted,
            api=f"/api/v1/projects/{grant.slug}/audit/things/{kind}/{pk}",
            addresses=addresses,
        )
        context |= {
            "kind": kind,
            "pk": pk,
            "name": history.labels[-1] if history.labels else kind_in_words(kind),
            "log_url": reverse("project:audit", args=[grant.slug]),
            "filter": {"thing": f"{kind}:{pk}"},
        }
        record_reading({**wanted, "thing": f"{kind}:{pk}"}, len(context["rows"]))
        return self.page(request, "projects/audit_history.html", context)


class AuditPersonPage(ProjectView):
    """Everything one person did here, themselves and through tokens and runs, as a timeline."""

    actions: ClassVar[dict[str, str]] = {"get": "audit.read"}

    def get(self, request: HttpRequest, grant: Grant, actor: str) -> HttpResponse:
        own = AuditEvent.objects.filter(account_id=grant.account_id)
        form, wanted = period_form(request)
        person, history = person_history(own, actor, wanted)
        addresses = ProjectAddresses(grant.slug)
        context = history_context(
            request,
            form,
            history,
            wanted,
            api=f"/api/v1/projects/{grant.slug}/audit/people/{actor}",
            addresses=addresses,
        )
        context |= {
            "person": person,
            "name": person.name,
            "log_url": reverse("project:audit", args=[grant.slug]),
            "filter": {"person": person.key},
        }
        record_reading({**wanted, "person": person.key}, len(context["rows"]))
        return self.page(request, "projects/audit_history.html", context)


class AuditVerifyPage(ProjectView):
    """The button “Verify now”: an operation, which says how far it is and what it found."""

    actions: ClassVar[dict[str, str]] = {"post": "audit.read"}

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        operation = ask_verification(grant)
        return HttpResponseRedirect(reverse("project:operation", args=[grant.slug, operation.pk]))
