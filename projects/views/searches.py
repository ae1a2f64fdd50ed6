"""Saving and deleting searches of a project's audit log."""

from typing import ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from projects.actions.searches import delete_search, save_search
from projects.doors.grant import Grant
from projects.doors.pages import ProjectView
from projects.forms import AuditFilterForm
from projects.views.common import attempt_or_say
from projects.views.search_parts import filters_sent


class SaveSearchPage(ProjectView):
    """Keeps the filters of the search page under a name."""

    actions: ClassVar[dict[str, str]] = {"post": "audit.read"}

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        filters, name = filters_sent(request), request.POST.get("name", "")
        shared = bool(request.POST.get("shared"))
        saved = attempt_or_say(
            request,
            "audit.read",
            lambda: save_search(grant, name, AuditFilterForm(filters), shared=shared),
        )
        if saved is not None:
            messages.success(request, _("“%(name)s” is saved.") % {"name": saved.name})
        query = urlencode(saved.filters if saved else filters)
        return HttpResponseRedirect(f"{reverse('project:audit', args=[grant.slug])}?{query}")


class DeleteSearchPage(ProjectView):
    """Forgets a search."""

    actions: ClassVar[dict[str, str]] = {"post": "audit.read"}

    def post(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        delete_search(grant, pk)
        return HttpResponseRedirect(reverse("project:audit", args=[grant.slug]))
