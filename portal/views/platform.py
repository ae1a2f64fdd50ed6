"""The platform's pages for admins: accounts, and how the engines are. No tenant's data is on them."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.tenancy import platform_scope
from portal.system import system_now
from projects.actions.accounts import Opened, open_account_for
from projects.doors.pages import PlatformView
from projects.forms import AccountForm
from projects.models import Project
from projects.views.common import attempt


class AccountsPage(PlatformView):
    """All accounts, and the form that opens one with its project and its first owner."""

    reader: ClassVar[str] = "admin"

    def _shown(
        self, request: HttpRequest, form: AccountForm, status: int = 200, **context: Any
    ) -> HttpResponse:
        rows = Project.objects.select_related("account").order_by("account__name")
        context |= {"form": form, "projects": list(rows)}
        return self.page(request, "portal/platform_accounts.html", context, status)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._shown(request, AccountForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = AccountForm(request.POST)
        made: Opened | None = None
        if form.is_valid():
            wanted = form.cleaned_data
            made = attempt(form, lambda: open_account_for(wanted["name"], wanted["kind"], wanted["owner"]))
        with platform_scope(self.reader):
            answer = (form, 400) if made is None else (AccountForm(), 200)
            response = self._shown(request, *answer, made=made)
            response["Cache-Control"] = "no-store"
            return response


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
