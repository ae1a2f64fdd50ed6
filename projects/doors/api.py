"""Doors for the REST API: `ProjectViewSet` inside a project, `PlatformViewSet` for the platform itself,
`SignedInViewSet` for what belongs to the caller.
"""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
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
from accounts.errors import Forbidden, MethodNotAllowed
from accounts.models import User
from accounts.tenancy import platform_scope
from projects.doors.door import open_door
from projects.doors.grant import Grant
from projects.doors.identity import Identity, Origin, by_header, by_session, first_things_first, sign_in_first
from projects.doors.pagination import PortalCursorPagination
from projects.doors.platform import PlatformGrant, open_platform
from projects.doors.schema import PortalSchema
from projects.doors.strict import NoQuery, QuerySerializer, read_query
from projects.models import PlatformToken, Token

# A person's own tokens.
PERSONS_BEARERS = frozenset({Token.Purpose.USER.value, PlatformToken.type})


class PortalAuthentication(BaseAuthentication):
    """`Authorization: Bearer mlp_…`, else the browser's session with Django's CSRF check."""

    def authenticate(self, request: Request) -> tuple[Any, Identity] | None:
        identity = by_header(request.headers.get("Authorization", ""), Origin.of(request._request, "api"))
        if identity is not None:
            return None, identity
        user = getattr(request._request, "user", None)
        identity = by_session(user) if user is not None else Identity()
        if identity.anonymous:
            return None
        first_things_first(identity)
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
    """What belongs to the caller and to no project: their own profile, the list of their projects.

    `bearers` are the types of tokens that may ask. Those of workloads never: code in a job need not know on whose
    behalf it runs. A platform token opens what belongs to the person only where that says nothing of any project.
    """

    bearers: ClassVar[frozenset[str]] = frozenset({Token.Purpose.USER.value})

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
        identity = self.identity(request)
        self.audit_context.actor = identity.actor
        if identity.bearer is not None and identity.bearer.type not in self.bearers:
            raise Forbidden("token.type", _("This is for people: a token of this type may not ask for it."))
        self.parse_query(request)


class DeclaredViewSet(DoorViewSet, ABC):
    """Runs an action, its serializers and its rendering inside a door that says what the action needs."""

    grant: Any

    @abstractmethod
    def door(self, request: Request, name: str) -> AbstractContextManager[Any]:
        """Return the door around the action `name`; entering it gives the grant. Raises for an undeclared action."""

    def undeclared(self, request: Request) -> MethodNotAllowed:
        """What a method without a declared action is answered."""
        return MethodNotAllowed(
            "method.not_allowed", _("This address does not take %(method)s.") % {"method": request.method}
        )

    def answer(
        self, request: HttpRequest, also: dict[str, str], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase:
        """Call the action with `args` and `kwargs`; `also` is what the door alone needs of the path."""
        self.args, self.kwargs = args, {**also, **kwargs}
        self.headers = self.default_response_headers
        self.request = drf_request = self.initialize_request(request, *args, **kwargs)
        try:
            name = getattr(self, "action_map", {}).get((request.method or "GET").lower())
            self.action = name or "metadata"
            if name is None:
                raise self.undeclared(drf_request)
            self.initial(drf_request, *args, **kwargs)
            with self.door(drf_request, name) as grant:
                self.grant = grant
                self.parse_query(drf_request)
                response = getattr(self, name)(drf_request, *args, **kwargs)
                self.response = self.finalize_response(drf_request, response, *args, **kwargs)
                if hasattr(self.response, "render"):
                    self.response.render()
                return self.response
        except Exception as error:
            answer = self.handle_exception(error)
            self.response = self.finalize_response(drf_request, answer, *args, **kwargs)
            return self.response


class PersonalViewSet(SignedInViewSet):
    """What only the person at their browser may see and change: an API token is refused."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.identity(request).user is None:
            raise Forbidden(
                "session.only",
                _("Only the person themselves may do this, signed in with a browser: not an API token."),
            )

    @property
    def person(self) -> User:
        """Who is signed in."""
        user = self.identity(self.request).user
        assert user is not None
        return user


class ProjectViewSet(DeclaredViewSet):
    """A project's API. `permissions` declares the permission of each action; an undeclared action is refused.

    The action, its serializers and its rendering run inside the tenant's scope; `self.grant` says who acts.
    """

    permissions: ClassVar[dict[str, str]] = {}
    lookup_field = "pk"
    grant: Grant

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        slug = str(kwargs.pop("slug"))
        return self.answer(request, {"slug": slug}, args, kwargs)

    def door(self, request: Request, name: str) -> AbstractContextManager[Any]:
        permission = self.permissions.get(name)
        if permission is None:
            raise self.undeclared(request)
        return open_door(
            self.identity(request),
            self.kwargs["slug"],
            permission,
            origin=Origin.of(request._request, "api"),
            method=request.method or "GET",
        )


class PlatformViewSet(DeclaredViewSet):
    """The platform's API. `roles` declares, for each action, the platform roles that may call it; an undeclared
    action is refused, and to everybody else the address does not exist.

    Reads run in the scope of the caller's role (`accounts.tenancy.platform_scope`); changes run in a transaction
    without one, and `reading()` opens it for what they answer. `self.grant` says who acts.
    """

    roles: ClassVar[dict[str, tuple[str, ...]]] = {}
    lookup_field = "pk"
    grant: PlatformGrant

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return self.answer(request, {}, args, kwargs)

    def door(self, request: Request, name: str) -> AbstractContextManager[Any]:
        roles = self.roles.get(name)
        if roles is None:
            raise self.undeclared(request)
        return open_platform(
            self.identity(request),
            roles,
            action=f"platform.{name}",
            origin=Origin.of(request._request, "api"),
            method=request.method or "GET",
            path=request.path,
        )

    def reading(self) -> AbstractContextManager[str]:
        """Open the scope in which the caller's platform role reads, after a change has closed its own."""
        return platform_scope(self.grant.role)


__all__ = [
    "PERSONS_BEARERS",
    "DoorViewSet",
    "PersonalViewSet",
    "PlatformViewSet",
    "PortalAuthentication",
    "ProjectViewSet",
    "SignedInViewSet",
]
