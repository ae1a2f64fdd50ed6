"""Doors for the REST API: `ProjectViewSet` inside a project, `SignedInViewSet` for what belongs to the caller."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from rest_framework import viewsets
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from accounts import audit
from accounts.errors import MethodNotAllowed
from projects.doors.door import open_door
from projects.doors.grant import Grant
from projects.doors.identity import Identity, Origin, by_header, by_session, password_first, sign_in_first
from projects.doors.pagination import PortalCursorPagination
from projects.doors.schema import PortalSchema
from projects.doors.strict import NoQuery, QuerySerializer, read_query


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
    """Identifies the caller; errors of the family become problem documents (`portal.problems`).

    `queries` declares the query parameters of each action; where it is given, any other parameter is refused, and
    `self.query` holds the parsed ones.
    """

    authentication_classes = (PortalAuthentication,)
    permission_classes = ()
    filter_backends = ()
    pagination_class = PortalCursorPagination
    schema = PortalSchema()
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = None
    query: dict[str, Any]

    def parse_query(self, request: Request) -> None:
        """Fill `self.query`; raises `Invalid`."""
        if self.queries is not None:
            self.query = read_query(request, self.queries.get(self.action or "", NoQuery))

    def body(self, serializer_class: type[Serializer[Any]]) -> dict[str, Any]:
        """Return the request's body as the serializer understands it; raises DRF's `ValidationError`."""
        serializer = serializer_class(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        parsed: dict[str, Any] = serializer.validated_data
        return parsed

    def listed(
        self, rows: QuerySet[Any], serializer_class: type[Serializer[Any]], **context: Any
    ) -> Response:
        """Answer with one page of rows."""
        page = self.paginate_queryset(rows)
        shown = serializer_class(page, many=True, context={**self.get_serializer_context(), **context})
        return self.get_paginated_response(shown.data)

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
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.audit_context.actor = self.identity(request).actor
        self.parse_query(request)


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
                self.parse_query(drf_request)
                response = getattr(self, str(name))(drf_request, *args, **kwargs)
                self.response = self.finalize_response(drf_request, response, *args, **kwargs)
                if hasattr(self.response, "render"):
                    self.response.render()
                return self.response
        except Exception as error:
            answer = self.handle_exception(error)
            self.response = self.finalize_response(drf_request, answer, *args, **kwargs)
            return self.response


__all__ = ["DoorViewSet", "PortalAuthentication", "ProjectViewSet", "SignedInViewSet"]
