"""Pages of promotions and protected aliases."""

import json
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.errors import Conflict, Invalid
from projects.doors import Grant
from projects.doors.pages import ProjectView
from projects.permissions import Permission
from projects.views.common import attempt
from registry.mlflow.client import Mlflow
from registry.models import ProtectedAlias
from registry.promotions import actions, protecting
from registry.promotions.forms import REMOVE, ChooseForm, ProtectForm, ReasonForm
from registry.promotions.panel import shown


class PromotePage(ProjectView):
    """A version beside the one that a protected alias points to, and the question to a second person."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.MODEL_PROMOTE, "post": Permission.MODEL_PROMOTE}

    def _page(
        self, request: HttpRequest, name: str, asked: Any, form: ReasonForm, status: int = 200
    ) -> HttpResponse:
        grant = self.grant
        mlflow = Mlflow(grant.account_id)
        model, versions = mlflow.model(name), mlflow.versions(name)[:200]
        aliases = protecting.aliases_of(name)
        context: dict[str, Any] = {"name": name, "form": form}
        if aliases:
            alias = asked.get("alias", "") if asked.get("alias", "") in aliases else aliases[0]
            other = [v for v in versions if v.version != model.aliases.get(alias)]
            version = asked.get("version", str(other[0].version) if other else REMOVE)
            context["choose"] = ChooseForm(aliases, versions, initial={"alias": alias, "version": version})
            try:
                if not other and "version" not in asked and alias in model.aliases:
                    raise _nothing_to_move(name, alias)
                promotion = actions.comparison(grant, name, alias, _number(version))
            except Conflict as error:
                context["problem"] = str(error)
            else:
                body = {"model": name, "alias": alias, "version": promotion.version, "reason": "…"}
                context |= {
                    **shown(promotion),
                    "curl_url": f"/api/v1/projects/{grant.slug}/promotions",
                    "curl_body": json.dumps(body, ensure_ascii=False),
                }
        return self.page(request, "registry/promote.html", context, status)

    def get(self, request: HttpRequest, grant: Grant, name: str) -> HttpResponse:
        return self._page(request, name, request.GET, ReasonForm())

    def post(self, request: HttpRequest, grant: Grant, name: str) -> HttpResponse:
        form = ReasonForm(request.POST)
        if form.is_valid():
            alias, version = request.POST.get("alias", "")[:63], _number(request.POST.get("version", ""))
            asked = attempt(
                form, lambda: actions.ask(grant, name, alias, version, form.cleaned_data["reason"])
            )
            if asked is not None:
                messages.success(request, _("Asked. You will be told what is decided."))
                return HttpResponseRedirect(reverse("project:approval", args=[grant.slug, asked.request.pk]))
        return self._page(request, name, request.POST, form, 400)


def _nothing_to_move(model: str, alias: str) -> Conflict:
    """Removing an alias is asked for only by who chose that, not for want of another version."""
    message = _("“%(alias)s” points to the only version of “%(model)s”. Register another one first.")
    return Conflict("promotion.nothing", message % {"alias": alias, "model": model})


def _number(text: str) -> int | None:
    """A version's number as a page sends it; None for no version. Raises `Invalid`."""
    if text == REMOVE:
        return None
    if not text.isdecimal() or len(text) > 9 or not int(text):
        raise Invalid("model.version", _("Choose a model version."))
    return int(text)


class ProtectedAliasesPage(ProjectView):
    """Which aliases are protected, and more of them."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.MODEL_READ, "post": Permission.MODEL_PROTECT}

    def _page(self, request: HttpRequest, form: ProtectForm, status: int = 200) -> HttpResponse:
        context = {
            "rows": list(ProtectedAlias.objects.order_by("alias", "model")[:200]),
            "form": form,
            "suggested": protecting.SUGGESTED,
            "api_url": f"/api/v1/projects/{self.grant.slug}/protected-aliases",
        }
        return self.page(request, "registry/protected_aliases.html", context, status)

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        return self._page(request, ProtectForm())

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        form = ProtectForm(request.POST)
        if form.is_valid():
            made = attempt(form, lambda: protecting.protect(grant, **form.cleaned_data))
            if made is not None:
                messages.success(request, _("“%(alias)s” is protected now.") % {"alias": made.label})
                return HttpResponseRedirect(reverse("registry:protected_aliases", args=[grant.slug]))
        return self._page(request, form, 400)


class ProtectedAliasPage(ProjectView):
    """Asks for a protection to be lifted."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.MODEL_PROTECT, "post": Permission.MODEL_PROTECT}

    def _page(
        self, request: HttpRequest, row: ProtectedAlias, form: ReasonForm, status: int = 200
    ) -> HttpResponse:
        context = {
            "row": row,
            "form": form,
            "api_url": f"/api/v1/projects/{self.grant.slug}/protected-aliases/{row.pk}/removal",
            "body": json.dumps({"reason": "…"}, ensure_ascii=False),
        }
        return self.page(request, "registry/protected_alias.html", context, status)

    def get(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        return self._page(request, protecting.find_protected(pk), ReasonForm())

    def post(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        row, form = protecting.find_protected(pk), ReasonForm(request.POST)
        if form.is_valid():
            asked = attempt(form, lambda: protecting.ask_unprotect(grant, row, form.cleaned_data["reason"]))
            if asked is not None:
                messages.success(request, _("Asked. You will be told what is decided."))
                return HttpResponseRedirect(reverse("project:approval", args=[grant.slug, asked.pk]))
        return self._page(request, row, form, 400)
