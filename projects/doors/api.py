"""Doors for the REST API: `ProjectViewSet` inside a project, `SignedInViewSet` for what belongs to the caller."""

from typing import Any, ClassVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from rest_framework import viewsets
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from accounts import audit
from accounts.errors import MethodNotAllowed
from projects.doors.door import open_door
from projects.doors.grant import Grant
from projects.doors.identity import Identity, Origin, by_header, by_session, password_first, sign_in_first


class PortalAuthentication(BaseAuthentication):
    """`Authorization: Bearer mlp_…`, else the browser's session with Django's CSRF check."""

    def authenticate(self, request: Request) -> tuple[Any, Identity] | None:
        identity = by_header(request.headers.get("Authorization", ""))
        if identity is not None:
            return None, identity
        user = getattr(request._request, "user", None)
        identity = by_session(user) if user is not None else Identity()
        if identity.anonymous:
            return None
        password_first(identity)
        SessionAuthentication().enforce_csrf(request)
        return user, identity

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="portal"'


class DoorViewSet(viewsets.GenericViewSet[Any]):
    """Identifies the caller; errors of the family become problem documents (`portal.problems`)."""

    authentication_classes = (PortalAuthentication,)
    permission_classes = ()

    def identity(self, request: Request) -> Identity:
        """Return who calls; raises `Unauthenticated` for nobody."""
        found = request.auth
        if not isinstance(found, Identity):
            raise sign_in_first()
        return found


class SignedInViewSet(DoorViewSet):
    """What belongs to the caller and to no project: their own profile, the list of their projects."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        origin = Origin.of(request, "api")
        with audit.acting_as(
            audit.ANONYMOUS,
            via="api",
            request_id=origin.request_id,
            ip=origin.ip,
            user_agent=origin.user_agent,
        ) as context:
            self.audit_context = context
            return super().dispatch(request, *args, **kwargs)  # type: ignore[no-any-return]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.audit_context.actor = self.identity(request).actor


class ProjectViewSet(DoorViewSet):
    """A project's API. `permissions` declares the permission of each action; an undeclared action is refused.

    The action, its serializers and its rendering run inside the tenant's scope; `self.grant` says who acts.
    """

    permissions: ClassVar[dict[str, str]] = {}
    lookup_field = "pk"
    grant: Grant

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        slug = str(kwargs.pop("slug"))
        self.args, self.kwargs = args, {"slug": slug, **kwargs}
        self.headers = self.default_response_headers
        self.request = drf_request = self.initialize_request(request, *args, **kwargs)
        try:
            method = (request.method or "GET").lower()
            name = getattr(self, "action_map", {}).get(method)
            permission = self.permissions.get(name or "")
            self.action = name or "metadata"
            if permission is None:
                raise MethodNotAllowed(
                    "method.not_allowed",
                    _("This address does not take %(method)s.") % {"method": request.method},
                )
            self.initial(drf_request, *args, **kwargs)
            with open_door(
                self.identity(drf_request),
                slug,
                permission,
                origin=Origin.of(request, "api"),
                method=request.method or "GET",
            ) as grant:
                self.grant = grant
                response = getattr(self, name)(drf_request, *args, **kwargs)
                self.response = self.finalize_response(drf_request, response, *args, **kwargs)
                if hasattr(self.response, "render"):
                    self.response.render()
                return self.response
        except Exception as error:
            answer = self.handle_exception(error)
            self.response = self.finalize_response(drf_request, answer, *args, **kwargs)
            return self.response


__all__ = ["DoorViewSet", "PortalAuthentication", "ProjectViewSet", "SignedInViewSet"]
