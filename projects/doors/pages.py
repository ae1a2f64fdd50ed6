"""Doors for pages: `ProjectView` for a project's, `PlatformView` for the platform's, `PersonalView` for one's own."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponseBase
from django.http.response import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views import View

from accounts import audit
from accounts.errors import Forbidden, MethodNotAllowed
from accounts.models import PlatformRole, User
from accounts.standing import due, page_of
from accounts.tenancy import platform_scope
from accounts.views.common import to_sign_in
from projects.doors.door import SAFE_METHODS, Entrance, entrances, is_admin, open_door
from projects.doors.grant import Grant
from projects.doors.identity import Identity, Origin, by_session
from projects.doors.platform import nothing_here


def _render(response: HttpResponseBase) -> HttpResponseBase:
    """Render inside the scope: a lazy template would otherwise query after it has closed."""
    if isinstance(response, TemplateResponse) and not response.is_rendered:
        response.render()
    return response


class SignedInView(View):
    """Sends anonymous visitors to sign in, and back to where they were going."""

    entrances: list[Entrance]
    identity: Identity

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.identity = by_session(request.user)
        if self.identity.user is None:
            return to_sign_in(request)
        what = due(self.identity.user)
        if what is not None:
            return HttpResponseRedirect(page_of(what))
        self.entrances = entrances(self.identity.user.pk, admin=is_admin(self.identity.user))
        return self.enter(request, *args, **kwargs)

    def enter(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Do what the view is for, with `self.identity` and `self.entrances` known."""
        return super().dispatch(request, *args, **kwargs)

    @property
    def user(self) -> User:
        """The signed-in person."""
        assert self.identity.user is not None
        return self.identity.user

    def page(
        self, request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
    ) -> TemplateResponse:
        """Answer with a full page; the project switcher's list goes along."""
        return TemplateResponse(
            request,
            template,
            {"entrances": self.entrances, "platform_role": self.user.platform_role, **context},
            status=status,
        )


class PersonalView(SignedInView):
    """One's own pages: the audit log knows who acts, no tenant's scope is open."""

    def enter(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        origin = Origin.of(request, "page")
        with audit.acting_as(
            self.identity.actor,
            via="page",
            request_id=origin.request_id,
            ip=origin.ip,
            user_agent=origin.user_agent,
        ):
            return _render(super().enter(request, *args, **kwargs))


class ProjectView(SignedInView):
    """A project's page. `actions` declares the permission of each method; an undeclared method is refused.

    Handlers are called as `get(request, grant, **kwargs)` inside the tenant's scope; templates render in it too.
    """

    actions: ClassVar[dict[str, str]] = {}

    def enter(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        slug = str(kwargs.pop("slug"))
        method = (request.method or "GET").lower()
        permission = self.actions.get("get" if method == "head" else method)
        if permission is None:
            raise MethodNotAllowed(
                "method.not_allowed", _("This page does not take %(method)s.") % {"method": request.method}
            )
        with open_door(
            self.identity,
            slug,
            permission,
            origin=Origin.of(request, "page"),
            method=request.method or "GET",
            known=self.entrances,
        ) as grant:
            self.grant = grant
            handler = getattr(self, "get" if method == "head" else method)
            response = _render(handler(request, grant, **kwargs))
            if response.status_code >= 400 and request.method not in SAFE_METHODS:
                audit.record(permission, outcome="failed", detail={"status": response.status_code})
            return response

    grant: Grant

    def page(
        self, request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
    ) -> TemplateResponse:
        return super().page(request, template, {"grant": self.grant, **context}, status)


class PlatformView(SignedInView):
    """A platform page. `reader` is the platform role that may open it: "admin" or "auditor".

    Reads run in that reader's scope. Somebody without the role gets the 404 of a page that is not there.
    """

    reader: ClassVar[str]

    def enter(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        origin = Origin.of(request, "page")
        with audit.acting_as(
            self.identity.actor,
            via="page",
            request_id=origin.request_id,
            ip=origin.ip,
            user_agent=origin.user_agent,
        ):
            if self.user.platform_role != self.reader:
                audit.record(f"platform.{self.reader}", outcome="denied", detail={"path": request.path})
                raise nothing_here()
            if request.method in SAFE_METHODS:
                with platform_scope(self.reader):
                    return _render(super().enter(request, *args, **kwargs))
            return _render(super().enter(request, *args, **kwargs))


def require_admin(user: User) -> None:
    """Raise `Forbidden` unless this person runs the platform."""
    if user.platform_role != PlatformRole.ADMIN:
        raise Forbidden(
            "platform.admin", _("Only a platform admin may do this."), permission="platform.admin"
        )
