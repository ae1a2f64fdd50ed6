"""The permissions page: what each role may do, who can do what and why, what one person can reach."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from projects import reach
from projects.actions import access
from projects.actions import roles as actions
from projects.actions.break_glass import end_break_glass, find_break_glass
from projects.actions.members import find_member_named
from projects.api.robots import robots_seen
from projects.doors.grant import Grant
from projects.doors.pages import ProjectView
from projects.explained import explained
from projects.forms_access import GiveForm, RoleMakeForm
from projects.models import BreakGlass, CustomRole
from projects.permissions import Permission, Role, permissions_of
from projects.views.common import attempt, attempt_or_say


def matrix(custom: list[CustomRole]) -> list[dict[str, Any]]:
    """The table of permissions: one row a permission with its meaning, one cell a role."""
    sets: list[set[str]] = [{str(p) for p in permissions_of(role)} for role in Role.values]
    sets += [set(role.permissions) for role in custom]
    return [
        {"permission": p.value, "meaning": explained(p), "cells": [p.value in held for held in sets]}
        for p in Permission
    ]


class PermissionsPage(ProjectView):
    """Roles and people."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.MEMBER_READ, "post": Permission.ROLE_MANAGE}

    def _page(self, request: HttpRequest, form: RoleMakeForm, status: int = 200) -> HttpResponse:
        custom = list(CustomRole.objects.order_by("name"))
        context = {
            "people": reach.people(),
            "robots": list(robots_seen().order_by("name")),
            "custom": custom,
            "broken": list(BreakGlass.objects.order_by("-id")[:20]),
            "roles": [*Role.choices, *((role.name, role.name) for role in custom)],
            "matrix": matrix(custom),
            "form": form,
            "api_url": f"/api/v1/projects/{self.grant.slug}/people",
        }
        return self.page(request, "projects/permissions.html", context, status)

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        return self._page(request, RoleMakeForm(sorted(grant.permissions)))

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        form = RoleMakeForm(sorted(grant.permissions), request.POST)
        if form.is_valid():
            made = attempt(form, lambda: actions.make_role(grant, **form.cleaned_data))
            if made is not None:
                messages.success(request, _("The role “%(name)s” can be given now.") % {"name": made.name})
                return HttpResponseRedirect(reverse("project:permissions", args=[grant.slug]))
        return self._page(request, form, 400)


class RolePage(ProjectView):
    """One of the project's own roles: another set of permissions, or its end."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.ROLE_MANAGE, "post": Permission.ROLE_MANAGE}

    def _page(
        self, request: HttpRequest, role: CustomRole, form: RoleMakeForm, status: int = 200
    ) -> HttpResponse:
        context = {
            "role": role,
            "form": form,
            "api_url": f"/api/v1/projects/{self.grant.slug}/custom-roles/{role.name}",
        }
        return self.page(request, "projects/role.html", context, status)

    def get(self, request: HttpRequest, grant: Grant, name: str) -> HttpResponse:
        role = actions.find_role(name)
        initial = {"name": role.name, "description": role.description, "permissions": role.permissions}
        return self._page(request, role, RoleMakeForm(sorted(grant.permissions), initial=initial, fixed=True))

    def post(self, request: HttpRequest, grant: Grant, name: str) -> HttpResponse:
        role = actions.find_role(name, lock=True)
        back = HttpResponseRedirect(reverse("project:permissions", args=[grant.slug]))
        if request.POST.get("do") == "delete":

            def act() -> bool:
                actions.delete_role(grant, role)
                return True

            attempt_or_say(request, Permission.ROLE_MANAGE, act)
            return back
        form = RoleMakeForm(sorted(grant.permissions), request.POST, fixed=True)
        if form.is_valid():
            done = attempt(form, lambda: actions.change_role_permissions(grant, role, **form.cleaned_data))
            if done is not None:
                messages.success(request, _("Saved. It counts at once for everybody with this role."))
                return back
        return self._page(request, role, form, 400)


class PersonPage(ProjectView):
    """What one person can reach, and why; permissions for a time are granted here."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.MEMBER_READ, "post": Permission.ACCESS_DECIDE}

    def _form(self, grant: Grant, data: Any = None) -> GiveForm:
        offered = [str(p) for p in Permission if access.grantable(p)]
        return GiveForm(offered, data, initial={"days": access.DEFAULT_DAYS})

    def _page(self, request: HttpRequest, username: str, form: GiveForm, status: int = 200) -> HttpResponse:
        member = find_member_named(username)
        context = {
            "member": member,
            "held": reach.held_by(member.user_id),
            "things": reach.things_of(self.grant, member.user_id),
            "form": form,
            "api_url": f"/api/v1/projects/{self.grant.slug}/people/{member.user.username}",
        }
        return self.page(request, "projects/person.html", context, status)

    def get(self, request: HttpRequest, grant: Grant, username: str) -> HttpResponse:
        return self._page(request, username, self._form(grant))

    def post(self, request: HttpRequest, grant: Grant, username: str) -> HttpResponse:
        member, form = find_member_named(username), self._form(grant, request.POST)
        if form.is_valid():
            wanted = form.cleaned_data
            given = attempt(form, lambda: access.give_permission(grant, member.user, **wanted))
            if given is not None:
                return HttpResponseRedirect(
                    reverse("project:person", args=[grant.slug, member.user.username])
                )
        return self._page(request, username, form, 400)


class GrantEnd(ProjectView):
    """Ends a permission that was granted for a time."""

    actions: ClassVar[dict[str, str]] = {"post": Permission.ACCESS_DECIDE}

    def post(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        given = access.find_given(pk)
        attempt_or_say(request, Permission.ACCESS_DECIDE, lambda: access.end_permission(grant, given))
        return HttpResponseRedirect(reverse("project:person", args=[grant.slug, given.user.username]))


class BreakGlassEnd(ProjectView):
    """Ends a break-glass access: the admin their own, an owner anybody's."""

    actions: ClassVar[dict[str, str]] = {"post": Permission.PROJECT_READ}

    def post(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        entered = find_break_glass(pk)
        attempt_or_say(request, Permission.MEMBER_MANAGE, lambda: end_break_glass(grant, entered))
        if entered.user_id == grant.user_id:
            return HttpResponseRedirect("/")
        return HttpResponseRedirect(reverse("project:permissions", args=[grant.slug]))
