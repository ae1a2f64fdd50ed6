"""Pages on which the audit log's targets are set up and watched: a project's, the platform's, the auditors'."""

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.tenancy import platform_scope
from projects.actions import forwarding as actions
from projects.doors.grant import Grant
from projects.doors.pages import PlatformView, ProjectView
from projects.forms_forwarding import ForwardChangeForm, ForwardForm, PlatformForwardForm
from projects.forwarding.lag import with_lag
from projects.models import AuditForward, ForwardTarget, PlatformForward
from projects.permissions import Permission
from projects.views.common import attempt, attempt_or_say

PLATFORM_API = "/api/v1/platform/audit-forwards"
_ACTS: dict[str, Callable[[Any], Any]] = {
    "pause": actions.pause,
    "resume": actions.resume,
    "test": actions.try_out,
    "remove": actions.remove,
}


def _watched(rows: list[Any]) -> bool:
    """Whether the page should look again soon: a trial is under way, or something waits."""
    return any(
        row.test_asked_at is not None or (row.waiting and row.state == ForwardTarget.State.ACTIVE)
        for row in rows
    )


def _act(request: HttpRequest, row: ForwardTarget, permission: str) -> None:
    do = request.POST.get("do", "")
    if do not in _ACTS:
        return
    if attempt_or_say(request, permission, lambda: (_ACTS[do](row),)) and do == "test":
        messages.info(request, _("A trial is on its way to “%(name)s”.") % {"name": row.name})


class ForwardingPage(ProjectView):
    """Where this project's audit log goes, and how far each target has it."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.AUDIT_READ, "post": Permission.WEBHOOK_MANAGE}

    def _shown(self, request: HttpRequest, form: ForwardForm, status: int = 200) -> HttpResponse:
        rows = with_lag(list(AuditForward.objects.order_by("name")))
        for row in rows:
            row.page = reverse("project:forward", args=[self.grant.slug, row.pk])  # type: ignore[attr-defined]
        context = {
            "form": form,
            "rows": rows,
            "busy": _watched(rows),
            "may_manage": self.grant.can(Permission.WEBHOOK_MANAGE),
            "api_url": f"/api/v1/projects/{self.grant.slug}/audit-forwards",
        }
        return self.page(request, "projects/forwarding.html", context, status)

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        return self._shown(request, ForwardForm())

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        form = ForwardForm(request.POST)
        if form.is_valid():
            made = attempt(form, lambda: actions.add_forward(grant, **form.cleaned_data))
            if made is not None:
                messages.success(request, _("The audit log goes to “%(name)s” now.") % {"name": made.name})
                return HttpResponseRedirect(reverse("project:forwarding", args=[grant.slug]))
        return self._shown(request, form, 400)


class ForwardPage(ProjectView):
    """One target: changed, tried, paused, resumed, removed."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.WEBHOOK_MANAGE, "post": Permission.WEBHOOK_MANAGE}

    def _shown(
        self, request: HttpRequest, row: AuditForward, form: ForwardChangeForm, status: int = 200
    ) -> HttpResponse:
        context = {
            "target": row,
            "form": form,
            "api_url": f"/api/v1/projects/{self.grant.slug}/audit-forwards/{row.pk}",
        }
        return self.page(request, "projects/forward.html", context, status)

    def get(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        row = actions.find_forward(pk)
        return self._shown(request, row, ForwardChangeForm(row))

    def post(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        row = actions.find_forward(pk)
        if request.POST.get("do") == "change":
            form = ForwardChangeForm(row, request.POST)
            if not form.is_valid() or not attempt(
                form, lambda: bool(actions.change_forward(grant, row, **form.cleaned_data).pk)
            ):
                return self._shown(request, row, form, 400)
            messages.success(request, _("Saved. The target keeps its place in the log."))
        else:
            _act(request, row, Permission.WEBHOOK_MANAGE)
        return HttpResponseRedirect(reverse("project:forwarding", args=[grant.slug]))


class _PlatformTargets(PlatformView):
    """The table of the platform's targets; with the form that adds one, where there is a form."""

    def _shown(
        self, request: HttpRequest, form: PlatformForwardForm | None, status: int = 200
    ) -> HttpResponse:
        rows = list(PlatformForward.objects.order_by("name"))
        for row in rows:
            row.page = reverse("project:platform_forward", args=[row.pk])  # type: ignore[attr-defined]
        context = {
            "form": form,
            "rows": rows,
            "busy": _watched(rows),
            "may_manage": form is not None,
            "across": True,
            "api_url": PLATFORM_API,
        }
        return self.page(request, "projects/platform_forwarding.html", context, status)


class PlatformForwardingPage(_PlatformTargets):
    """Where the platform's audit log, or every log, goes: admins set it up."""

    reader: ClassVar[str] = "admin"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._shown(request, PlatformForwardForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = PlatformForwardForm(request.POST)
        by = self.identity.actor.person
        if form.is_valid():
            made = attempt(form, lambda: actions.add_platform_forward(by, **form.cleaned_data))
            if made is not None:
                messages.success(request, _("The audit log goes to “%(name)s” now.") % {"name": made.name})
                return HttpResponseRedirect(reverse("project:platform_forwarding"))
        with platform_scope(self.reader):
            response = self._shown(request, form, 400)
            return getattr(response, "render", lambda: response)()


class RoomForwardingPage(_PlatformTargets):
    """The same for auditors, who read it."""

    reader: ClassVar[str] = "auditor"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._shown(request, None)


class PlatformForwardPage(PlatformView):
    """One target of the platform: changed, tried, paused, resumed, removed."""

    reader: ClassVar[str] = "admin"

    def _shown(
        self, request: HttpRequest, row: PlatformForward, form: ForwardChangeForm, status: int = 200
    ) -> HttpResponse:
        context = {"target": row, "form": form, "api_url": f"{PLATFORM_API}/{row.pk}"}
        return self.page(request, "projects/platform_forward.html", context, status)

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        row = actions.find_platform_forward(pk)
        return self._shown(request, row, ForwardChangeForm(row))

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        row = actions.find_platform_forward(pk)
        if request.POST.get("do") == "change":
            form = ForwardChangeForm(row, request.POST)
            if not form.is_valid() or not attempt(
                form, lambda: bool(actions.change_platform_forward(row, **form.cleaned_data).pk)
            ):
                with platform_scope(self.reader):
                    response = self._shown(request, row, form, 400)
                    return getattr(response, "render", lambda: response)()
            messages.success(request, _("Saved. The target keeps its place in the log."))
        else:
            _act(request, row, "platform.forward")
        return HttpResponseRedirect(reverse("project:platform_forwarding"))
