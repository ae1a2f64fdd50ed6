"""Platform tokens of an admin or an auditor: made, shown on the page that made them and nowhere else, revoked."""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts.models import PlatformRole
from accounts.recent import require_recent
from accounts.tenancy import platform_scope
from projects.actions.platform_tokens import make_platform_token, revoke_platform_token
from projects.api.platform_tokens import find_platform_token, platform_tokens
from projects.doors.pages import PlatformView
from projects.forms_tokens import PlatformTokenForm
from projects.views.common import attempt, attempt_or_say, page_of

_PAGES = {PlatformRole.ADMIN: "project:platform_tokens", PlatformRole.AUDITOR: "project:auditor_tokens"}


class PlatformTokensPage(PlatformView):
    """One's own platform tokens; an admin also sees everybody's. Making one asks for a fresh sign-in."""

    reader: ClassVar[str] = PlatformRole.ADMIN

    def _shown(
        self, request: HttpRequest, form: PlatformTokenForm, status: int = 200, **context: Any
    ) -> HttpResponse:
        everybody = request.GET.get("show") == "all" and self.reader == PlatformRole.ADMIN
        context |= page_of(request, platform_tokens(self.user, everybody=everybody))
        context |= {
            "form": form,
            "everybody": everybody,
            "may_see_all": self.reader == PlatformRole.ADMIN,
            "revoke_page": f"{_PAGES[PlatformRole(self.reader)][:-1]}",
            "api_url": "/api/v1/platform/tokens",
        }
        response = self.page(request, "projects/platform_tokens.html", context, status)
        response["Cache-Control"] = "no-store"
        return response

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._shown(request, PlatformTokenForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        require_recent(request)
        form, made = PlatformTokenForm(request.POST), None
        if form.is_valid():
            wanted = form.cleaned_data
            made = attempt(
                form,
                lambda: make_platform_token(
                    self.user,
                    name=wanted["name"],
                    read_only=wanted["read_only"],
                    addresses=wanted["addresses"],
                    lifetime=timedelta(seconds=wanted["lifetime"]),
                ),
            )
        with platform_scope(self.reader):
            if made is None:
                response = self._shown(request, form, 400)
            else:
                response = self._shown(request, PlatformTokenForm(), made=made[0], text=made[1])
        return response


class PlatformTokenPage(PlatformView):
    """Revokes one platform token."""

    reader: ClassVar[str] = PlatformRole.ADMIN

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        token = find_platform_token(pk, self.user)
        attempt_or_say(request, "platform.token", lambda: revoke_platform_token(token))
        return HttpResponseRedirect(reverse(_PAGES[PlatformRole(self.reader)]))
