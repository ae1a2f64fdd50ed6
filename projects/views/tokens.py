"""A project's tokens: made, shown on the page that made them and nowhere else, revoked."""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from projects.actions.tokens import create_token, revoke_token
from projects.api.tokens import find_token, tokens_seen
from projects.doors.grant import Grant
from projects.doors.pages import ProjectView
from projects.forms_tokens import TokenForm
from projects.holdings import role_names, role_permissions
from projects.models import Token
from projects.permissions import Permission
from projects.views.common import attempt, attempt_or_say, page_of

LISTS = ("mine", "all", "leavers")


class TokensPage(ProjectView):
    """One's own tokens, or everybody's, or those of people who have left."""

    actions: ClassVar[dict[str, str]] = {"get": "token.use", "post": "token.use"}

    def _form(self, grant: Grant, data: Any = None) -> TokenForm:
        roles = [(role, label) for role, label in role_names() if role_permissions(role) <= grant.permissions]
        return TokenForm(roles, grant.permissions, data, initial={"role": grant.role})

    def _list(self, request: HttpRequest) -> str:
        wanted = request.GET.get("show", "")
        return wanted if wanted in LISTS and self.grant.can(Permission.TOKEN_MANAGE) else "mine"

    def _shown(
        self, request: HttpRequest, form: TokenForm, status: int = 200, **context: Any
    ) -> HttpResponse:
        show = self._list(request)
        rows = tokens_seen(self.grant, everybody=show != "mine", leavers=show == "leavers")
        context |= page_of(request, rows)
        context |= {
            "form": form,
            "show": show,
            "api_url": f"/api/v1/projects/{self.grant.slug}/tokens",
        }
        response = self.page(request, "projects/tokens.html", context, status)
        response["Cache-Control"] = "no-store"
        return response

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        return self._shown(request, self._form(grant))

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        form = self._form(grant, request.POST)
        if form.is_valid():
            wanted = form.cleaned_data
            made = attempt(
                form,
                lambda: create_token(
                    grant,
                    self.user,
                    name=wanted["name"],
                    role=wanted["role"],
                    scopes=wanted["scopes"],
                    addresses=wanted["addresses"],
                    lifetime=timedelta(seconds=wanted["lifetime"]),
                ),
            )
            if made is not None:
                return self._shown(request, self._form(grant), 200, made=made[0], text=made[1])
        return self._shown(request, form, 400)


class TokenPage(ProjectView):
    """Revokes one token."""

    actions: ClassVar[dict[str, str]] = {"post": "token.use"}

    def post(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        token = find_token(pk, grant)
        attempt_or_say(request, Permission.TOKEN_USE, lambda: revoke_token(token, grant))
        if token.purpose == Token.Purpose.ROBOT and token.robot is not None:
            return HttpResponseRedirect(reverse("project:robot", args=[grant.slug, token.robot.name]))
        return HttpResponseRedirect(reverse("project:tokens", args=[grant.slug]))
