"""The platform's pages for admins: accounts, and how the engines are. No tenant's data is on them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from accounts.actions.users import create_user
from accounts.models import Account, User
from accounts.tenancy import platform_scope
from portal.health import engine_states
from projects.actions.accounts import open_account
from projects.doors.pages import PlatformView
from projects.forms import AccountForm
from projects.models import Project
from projects.views.common import attempt

_PATIENCE = 8.0


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

    @staticmethod
    def _open(wanted: dict[str, str]) -> dict[str, Any]:
        username = wanted["owner"].strip()
        owner, one_time = User.objects.filter(username__iexact=username).first(), None
        if owner is None:
            owner, one_time = create_user(username)
        account, project = open_account(wanted["name"], wanted["kind"], owner)
        return {"opened": account, "project": project, "owner": owner, "one_time": one_time}

    def post(self, request: HttpRequest) -> HttpResponse:
        form = AccountForm(request.POST)
        made: dict[str, Any] | None = None
        if form.is_valid():
            with transaction.atomic():
                made = attempt(form, lambda: self._open(form.cleaned_data))
        with platform_scope(self.reader):
            answer = (form, 400) if made is None else (AccountForm(), 200)
            response = self._shown(request, *answer, **(made or {}))
            response["Cache-Control"] = "no-store"
            return response


def states_now() -> dict[str, str]:
    """Ask every engine how it is, from a thread of its own: the checks close their connection when they are done."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, engine_states()).result(timeout=_PATIENCE)


ENGINES = {
    "postgres": ("PostgreSQL", "database"),
    "redis": ("Redis", "hdd-rack"),
    "mlflow": ("MLflow", "graph-up"),
    "worker": ("Celery", "cpu"),
}


class SystemPage(PlatformView):
    """How the engines behind the portal are."""

    reader: ClassVar[str] = "admin"

    def get(self, request: HttpRequest) -> HttpResponse:
        engines = [
            {
                "name": ENGINES.get(name, (name, "server"))[0],
                "icon": ENGINES.get(name, (name, "server"))[1],
                "state": state if state in ("ready", "starting") else "failed",
                "detail": "" if state in ("ready", "starting") else state,
            }
            for name, state in states_now().items()
        ]
        context = {
            "engines": engines,
            "healthy": all(engine["state"] == "ready" for engine in engines),
            "accounts": Account.objects.count(),
            "people": User.objects.filter(is_active=True).count(),
            "title": _("System"),
        }
        return self.page(request, "portal/platform_system.html", context)
