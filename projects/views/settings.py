"""Members with the table of permissions, and the project's name."""

from datetime import UTC, date, datetime, time
from typing import ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from projects.actions.members import add_member, change_role, remove_member
from projects.actions.project import update_project
from projects.api.project import find_member
from projects.doors.grant import Grant
from projects.doors.pages import ProjectView
from projects.forms import MemberForm, ProjectForm, RoleForm
from projects.holdings import role_names
from projects.models import Membership, Project
from projects.permissions import Permission
from projects.views.common import attempt, attempt_or_say


def end_of_day(day: date | None) -> datetime | None:
    """The last moment of a day, in UTC."""
    return datetime.combine(day, time.max, UTC) if day is not None else None


class MembersPage(ProjectView):
    """Who works here, as what, and what that means."""

    actions: ClassVar[dict[str, str]] = {"get": "member.read", "post": "member.manage"}

    def _shown(self, request: HttpRequest, form: MemberForm, status: int = 200) -> HttpResponse:
        members = Membership.objects.select_related("user").order_by("user__username")
        context = {
            "form": form,
            "members": list(members),
            "roles": role_names(),
            "api_url": f"/api/v1/projects/{self.grant.slug}/members",
        }
        return self.page(request, "projects/members.html", context, status)

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        return self._shown(request, MemberForm(role_names()))

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        form = MemberForm(role_names(), request.POST)
        if form.is_valid():
            wanted = form.cleaned_data
            made = attempt(
                form,
                lambda: add_member(
                    grant, wanted["username"], wanted["role"], expires_at=end_of_day(wanted["until"])
                ),
            )
            if made is not None:
                messages.success(request, _("%(user)s is a member now.") % {"user": made.user.username})
                return HttpResponseRedirect(reverse("project:members", args=[grant.slug]))
        return self._shown(request, form, 400)


class MemberPage(ProjectView):
    """Changes one member: another role, or the end of the membership."""

    actions: ClassVar[dict[str, str]] = {"post": "member.manage"}

    def post(self, request: HttpRequest, grant: Grant, pk: UUID) -> HttpResponse:
        membership = find_member(pk)
        if request.POST.get("do") == "remove":
            attempt_or_say(request, Permission.MEMBER_MANAGE, lambda: remove_member(grant, membership))
        else:
            form = RoleForm(role_names(), request.POST)
            if form.is_valid():
                role = form.cleaned_data["role"]
                attempt_or_say(
                    request, Permission.MEMBER_MANAGE, lambda: change_role(grant, membership, role)
                )
        return HttpResponseRedirect(reverse("project:members", args=[grant.slug]))


class ProjectPage(ProjectView):
    """Renames and describes the project."""

    actions: ClassVar[dict[str, str]] = {"get": "project.read", "post": "project.update"}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        project = Project.objects.get()
        form = ProjectForm(initial={"name": project.name, "description": project.description})
        return self.page(request, "projects/settings.html", {"form": form, "project": project})

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        project, form = Project.objects.get(), ProjectForm(request.POST)
        if (
            form.is_valid()
            and attempt(form, lambda: update_project(project, **form.cleaned_data)) is not None
        ):
            messages.success(request, _("Saved."))
            return HttpResponseRedirect(reverse("project:settings", args=[grant.slug]))
        return self.page(request, "projects/settings.html", {"form": form, "project": project}, 400)
