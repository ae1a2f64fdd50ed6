"""Robots: what works in the project without being a person, and its tokens."""

from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from projects import reach
from projects.actions import robots as actions
from projects.api.robots import robots_seen, tokens_of
from projects.doors.grant import Grant
from projects.doors.pages import ProjectView
from projects.explained import explained
from projects.forms_robots import RobotChangeForm, RobotForm, StopForm
from projects.forms_tokens import ScopedTokenForm
from projects.holdings import robot_permissions, role_names, role_permissions
from projects.models import Membership, Robot
from projects.permissions import Permission
from projects.views.common import attempt, attempt_or_say, page_of
from projects.views.settings import end_of_day


def _roles(grant: Grant, *also: str) -> list[tuple[str, str]]:
    """The roles that this person may give a robot, and those that it has."""
    return [
        (role, label)
        for role, label in role_names()
        if role in also or role_permissions(role) <= grant.permissions
    ]


def _members(*also: str) -> list[str]:
    rows = Membership.objects.filter(user__is_active=True).order_by("user__username")
    names = list(rows.values_list("user__username", flat=True))
    return [*names, *(name for name in also if name not in names)]


class RobotsPage(ProjectView):
    """All robots, and the form that makes one."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.MEMBER_READ, "post": Permission.TOKEN_MANAGE}

    def _page(self, request: HttpRequest, form: RobotForm | None, status: int = 200) -> HttpResponse:
        context = {
            "robots": list(robots_seen().order_by("name")),
            "form": form,
            "api_url": f"/api/v1/projects/{self.grant.slug}/robots",
        }
        return self.page(request, "projects/robots.html", context, status)

    def _form(self, grant: Grant, data: Any = None) -> RobotForm:
        initial = {"responsible": self.user.username, "role": "scientist"}
        return RobotForm(_roles(grant), _members(), data, initial=initial)

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        makes = grant.can(Permission.TOKEN_MANAGE) and grant.break_glass_id is None
        return self._page(request, self._form(grant) if makes else None)

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        form = self._form(grant, request.POST)
        if form.is_valid():
            wanted = {**form.cleaned_data}
            wanted["expires_at"] = end_of_day(wanted.pop("until"))
            made = attempt(form, lambda: actions.make_robot(grant, **wanted))
            if made is not None:
                messages.success(request, _("“%(name)s” is there. Make it a token.") % {"name": made.name})
                return HttpResponseRedirect(reverse("project:robot", args=[grant.slug, made.name]))
        return self._page(request, form, 400)


class RobotPage(ProjectView):
    """One robot: what it is, its tokens; changed, stopped and started again here."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.MEMBER_READ, "post": Permission.TOKEN_MANAGE}

    def shown(self, request: HttpRequest, name: str, status: int = 200, **context: Any) -> HttpResponse:
        """Show the robot, with a form that was refused, or a token that was just made."""
        actions.find_robot(name)
        robot, grant = robots_seen().get(name=name), self.grant
        permissions = robot_permissions(robot.role)
        context = {
            "robot": robot,
            "permissions": [(explained(permission), permission) for permission in sorted(permissions)],
            "things": reach.things_of(grant, robot.pk),
            "api_url": f"/api/v1/projects/{grant.slug}/robots/{name}",
            **context,
        }
        if grant.can(Permission.TOKEN_MANAGE):
            strong = (
                grant.break_glass_id is None
                and role_permissions(robot.role) <= grant.permissions
                and not reach.more_by_robot(grant, robot.pk)
            )
            context = {
                "stop_form": StopForm(),
                "change_form": self._form(grant, robot) if strong else None,
                "token_form": ScopedTokenForm(permissions) if strong and robot.works else None,
                "strong": strong,
                **page_of(request, tokens_of(robot)),
                **context,
            }
        response = self.page(request, "projects/robot.html", context, status)
        response["Cache-Control"] = "no-store"
        return response

    def _make_token(self, request: HttpRequest, grant: Grant, robot: Robot) -> HttpResponse:
        """Make a token, and show it, this once."""
        form = ScopedTokenForm(robot_permissions(robot.role), request.POST)
        if form.is_valid():
            wanted = {**form.cleaned_data}
            wanted["lifetime"] = timedelta(seconds=wanted["lifetime"])
            made = attempt(form, lambda: actions.make_robot_token(grant, robot, **wanted))
            if made is not None:
                return self.shown(request, robot.name, made=made[0], text=made[1])
        return self.shown(request, robot.name, 400, token_form=form)

    def _form(self, grant: Grant, robot: Robot, data: Any = None) -> RobotChangeForm:
        initial = {
            "description": robot.description,
            "role": robot.role,
            "responsible": robot.responsible.username,
            "until": robot.expires_at.date() if robot.expires_at else None,
        }
        names = _members(robot.responsible.username)
        return RobotChangeForm(_roles(grant, robot.role), names, data, initial=initial)

    def get(self, request: HttpRequest, grant: Grant, name: str) -> HttpResponse:
        return self.shown(request, name)

    def post(self, request: HttpRequest, grant: Grant, name: str) -> HttpResponse:
        robot, do = actions.find_robot(name, lock=True), request.POST.get("do", "change")
        back = HttpResponseRedirect(reverse("project:robot", args=[grant.slug, name]))
        if do == "enable":
            attempt_or_say(request, Permission.TOKEN_MANAGE, lambda: actions.enable_robot(grant, robot))
            return back
        if do == "token":
            return self._make_token(request, grant, robot)
        if do in ("disable", "delete"):
            form = StopForm(request.POST)
            stop = actions.disable_robot if do == "disable" else actions.delete_robot
            if not form.is_valid():
                return self.shown(request, name, 400, stop_form=form)
            attempt_or_say(
                request, Permission.TOKEN_MANAGE, lambda: stop(grant, robot, form.cleaned_data["reason"])
            )
            if do == "delete":
                messages.success(request, _("“%(name)s” and its tokens have ended.") % {"name": name})
                return HttpResponseRedirect(reverse("project:robots", args=[grant.slug]))
            return back
        change = self._form(grant, robot, request.POST)
        if change.is_valid():
            wanted = {**change.cleaned_data}
            wanted["expires_at"] = end_of_day(wanted.pop("until"))
            if attempt(change, lambda: actions.change_robot(grant, robot, **wanted)) is not None:
                messages.success(request, _("Saved. It counts with the robot's next call."))
                return back
        return self.shown(request, name, 400, change_form=change)
