"""The platform's pages for admins: accounts, and how the engines are. No tenant's data is on them."""

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.errors import Forbidden
from accounts.models import Account, Disposal
from accounts.recent import require_recent, to_confirm
from accounts.tenancy import platform_scope
from portal.api.platform import found_project
from portal.overview import NOTHING, links_of, overviews
from portal.system import system_now
from projects.actions import lifecycle
from projects.actions.accounts import Opened, open_account_for
from projects.doors.pages import PlatformView
from projects.forms import AccountForm, CloseForm
from projects.models import Project
from projects.views.common import attempt


class AccountsPage(PlatformView):
    """All accounts, and the form that opens one with its project and its first owner."""

    reader: ClassVar[str] = "admin"

    def _shown(
        self, request: HttpRequest, form: AccountForm, status: int = 200, **context: Any
    ) -> HttpResponse:
        rows = Project.objects.select_related("account").order_by("account__name")
        found = overviews()
        shown = [{"project": row, "overview": found.get(row.pk, NOTHING)} for row in rows]
        context |= {"form": form, "rows": shown, "api_url": "/api/v1/platform/accounts"}
        return self.page(request, "portal/platform_accounts.html", context, status)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._shown(request, AccountForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = AccountForm(request.POST)
        made: Opened | None = None
        if form.is_valid():
            wanted = form.cleaned_data
            made = attempt(form, lambda: _opened(wanted))
        with platform_scope(self.reader):
            answer = (form, 400) if made is None else (AccountForm(), 200)
            response = self._shown(request, *answer, made=made)
            response["Cache-Control"] = "no-store"
            return response


def _opened(wanted: dict[str, str]) -> Opened:
    return open_account_for(
        wanted["name"],
        wanted["kind"],
        wanted["owner"],
        start=wanted["start"] or Account.Start.NONE,
        code=wanted["code"],
    )


class AccountPage(PlatformView):
    """One account from outside: suspend, reopen, close; its links by name; the proof once it is closed."""

    reader: ClassVar[str] = "admin"

    def _shown(
        self, request: HttpRequest, pk: UUID, status: int = 200, form: CloseForm | None = None
    ) -> TemplateResponse:
        project = found_project(pk)
        context = {
            "project": project,
            "account": project.account,
            "links": links_of(pk),
            "proof": Disposal.objects.filter(account_id=pk).first(),
            "form": form or CloseForm(),
            "api_url": f"/api/v1/platform/accounts/{pk}",
        }
        return self.page(request, "portal/platform_account.html", context, status)

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        return self._shown(request, pk)

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        with platform_scope(self.reader):
            found_project(pk)
        try:
            require_recent(request)
        except Forbidden:
            return to_confirm(request)
        form = CloseForm(request.POST)
        act = self._act(request.POST.get("do", ""), pk, form) if form.is_valid() else None
        if act is not None and attempt(form, act) is not None:
            return HttpResponseRedirect(reverse("portal:platform_account", args=[pk]))
        with platform_scope(self.reader):
            return self._shown(request, pk, 400, form).render()

    def _act(self, do: str, pk: UUID, form: CloseForm) -> Callable[[], Any] | None:
        reason, confirm = form.cleaned_data["reason"], form.cleaned_data["confirm"]
        acts: dict[str, Callable[[], Any]] = {
            "suspend": lambda: lifecycle.suspend(pk, reason),
            "reopen": lambda: lifecycle.reopen(pk, reason),
            "close": lambda: lifecycle.close(
                pk,
                confirm=confirm,
                reason=reason,
                actor=self.identity.actor,
                user_id=self.user.pk,
                via="page",
            ),
        }
        return acts.get(do)


ENGINES = {
    "postgres": ("PostgreSQL", "database"),
    "redis": ("Redis", "hdd-rack"),
    "mlflow": ("MLflow", "graph-up"),
    "worker": ("Celery", "cpu"),
    "agent": (gettext_lazy("Local agent"), "server"),
}


class SystemPage(PlatformView):
    """How the engines behind the portal are."""

    reader: ClassVar[str] = "admin"

    def get(self, request: HttpRequest) -> HttpResponse:
        system = system_now()
        engines = [
            {
                "name": ENGINES.get(engine.name, (engine.name, "server"))[0],
                "icon": ENGINES.get(engine.name, (engine.name, "server"))[1],
                "state": engine.state,
                "detail": engine.detail,
            }
            for engine in system.engines
        ]
        context = {
            "engines": engines,
            "healthy": system.healthy,
            "accounts": system.accounts,
            "people": system.people,
            "title": _("System"),
        }
        return self.page(request, "portal/platform_system.html", context)
