"""What is being done in the project: the list, the menu's short list, one operation with its live log."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from projects import operations
from projects.api.operations import find_operation
from projects.doors.grant import Grant
from projects.doors.pages import ProjectView
from projects.models import Operation, State
from projects.operations import log as operation_log
from projects.operations.registry import label_of
from projects.views.common import attempt_or_say, page_of

MENU_LENGTH = 8
UNDER_WAY = (State.QUEUED, State.RUNNING)


def listed(operation: Operation, slug: str) -> dict[str, Any]:
    """Return an operation as lists and the Activity menu show it."""
    return {
        "operation": operation,
        "url": reverse("project:operation", args=[slug, operation.pk]),
        "kind_label": label_of(operation.kind),
        "target_label": operation.target_label,
        "state": operation.shown_state,
        "stage": operation.stage_label,
        "progress": operation.progress,
        "created_at": operation.created_at,
        "took": operation.finished_at - operation.created_at if operation.finished_at else None,
        "who": operation.who,
    }


class ActivityPage(ProjectView):
    """All operations, newest first."""

    actions: ClassVar[dict[str, str]] = {"get": "operation.read"}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        rows, state = Operation.objects.all(), request.GET.get("state", "")
        if state in State.values:
            rows = rows.filter(state=state)
        context = page_of(request, rows)
        context |= {
            "operations": [listed(operation, grant.slug) for operation in context["rows"]],
            "state": state,
            "states": State.choices,
            "api_url": f"/api/v1/projects/{grant.slug}/operations",
        }
        return self.page(request, "projects/activity.html", context)


class ActivityMenu(ProjectView):
    """The newest operations, for the menu in the top bar."""

    actions: ClassVar[dict[str, str]] = {"get": "operation.read"}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        newest = list(Operation.objects.order_by("-id")[:MENU_LENGTH])
        context = {
            "operations": [listed(operation, grant.slug) for operation in newest],
            "running": Operation.objects.filter(state__in=UNDER_WAY).count(),
            "all_url": reverse("project:activity", args=[grant.slug]),
        }
        return self.page(request, "partials/activity.html", context)


class OperationPage(ProjectView):
    """One operation: its stage, its log as it grows, what it gave or why it failed. Cancel and retry."""

    actions: ClassVar[dict[str, str]] = {"get": "operation.read", "post": "operation.read"}

    def get(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        operation = find_operation(pk)
        pieces = list(operation_log.read(operation))
        template = "projects/operation.html"
        if request.headers.get("HX-Request") and request.GET.get("part") == "status":
            template = "projects/partials/operation_status.html"
        url = f"/api/v1/projects/{grant.slug}/operations/{pk}"
        context = {
            **listed(operation, grant.slug),
            "lines": "".join(text for _seq, text in pieces).splitlines(),
            "last_id": pieces[-1][0] if pieces else "",
            "events_url": "" if operation.finished else f"{url}/events",
            "may_act": grant.can(operation.permission),
            "api_url": url,
            "result": list(operation.result.items()),
        }
        return self.page(request, template, context)

    def post(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        operation = find_operation(pk)
        grant.require(operation.permission)
        if request.POST.get("do") == "retry":
            again = attempt_or_say(request, operation.permission, lambda: operations.retry(operation, grant))
            if again is not None:
                messages.success(request, _("Started again."))
                return HttpResponseRedirect(reverse("project:operation", args=[grant.slug, again.pk]))
        elif attempt_or_say(request, operation.permission, lambda: operations.cancel(operation, grant)):
            messages.success(request, _("Asked to stop."))
        return HttpResponseRedirect(reverse("project:operation", args=[grant.slug, pk]))
