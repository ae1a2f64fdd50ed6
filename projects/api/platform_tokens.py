"""Platform tokens over REST: listed without what makes them tokens, made once by a person who is there, revoked."""

from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import NotFound
from accounts.models import PlatformRole, User
from accounts.recent import require_recent
from projects.actions.platform_tokens import make_platform_token, revoke_platform_token
from projects.actions.tokens import DEFAULT_LIFETIME
from projects.doors.api import PlatformViewSet
from projects.doors.schema import documented
from projects.doors.strict import QuerySerializer
from projects.models import PlatformToken
from projects.serializers import (
    PlatformTokenBody,
    PlatformTokenMadeSerializer,
    PlatformTokenQuery,
    PlatformTokenSerializer,
)


def platform_tokens(user: User, *, everybody: bool) -> QuerySet[PlatformToken]:
    """The tokens that a person sees: their own, or for an admin who asks for them everybody's."""
    rows = PlatformToken.objects.select_related("user")
    everybody = everybody and user.platform_role == PlatformRole.ADMIN
    return rows if everybody else rows.filter(user=user)


def find_platform_token(pk: UUID, user: User) -> PlatformToken:
    """Return one's own token, or for an admin anybody's; raises `NotFound`."""
    token = platform_tokens(user, everybody=True).filter(pk=pk).first()
    if token is None:
        raise NotFound("token.not_found", _("There is no such token."))
    return token


class PlatformTokenViewSet(PlatformViewSet):
    """Tokens that act on the platform as a person with a platform role."""

    roles: ClassVar[dict[str, tuple[str, ...]]] = dict.fromkeys(
        ("list", "retrieve", "create", "destroy"), (PlatformRole.ADMIN.value, PlatformRole.AUDITOR.value)
    )
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PlatformTokenQuery}
    serializer_class = PlatformTokenSerializer

    def _user(self, request: Request) -> User:
        person = self.identity(request).person
        assert person is not None, "the door has let somebody in"
        return person

    @documented(
        operation_id="platform_tokens_list", summary="My platform tokens; an admin's `all` lists everybody's"
    )
    def list(self, request: Request) -> Response:
        rows = platform_tokens(self._user(request), everybody=self.query["all"])
        return self.listed(rows, PlatformTokenSerializer)

    @documented(operation_id="platform_token_read", summary="A platform token")
    def retrieve(self, request: Request, pk: UUID) -> Response:
        return Response(PlatformTokenSerializer(find_platform_token(pk, self._user(request))).data)

    @documented(
        operation_id="platform_token_create",
        summary="Make a platform token for myself, by a session with a fresh sign-in; the answer alone shows it",
        request=PlatformTokenBody,
        responses={201: PlatformTokenMadeSerializer},
    )
    def create(self, request: Request) -> Response:
        require_recent(request)
        body = self.body(PlatformTokenBody)
        seconds = body.get("expires_in")
        token, text = make_platform_token(
            self._user(request),
            name=body["name"],
            read_only=body.get("read_only", False),
            addresses=body.get("addresses"),
            lifetime=timedelta(seconds=seconds) if seconds else DEFAULT_LIFETIME,
        )
        made = PlatformTokenMadeSerializer(token, context={"text": text})
        return Response(made.data, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})

    @documented(
        operation_id="platform_token_revoke", summary="Revoke a platform token", responses={204: None}
    )
    def destroy(self, request: Request, pk: UUID) -> Response:
        revoke_platform_token(find_platform_token(pk, self._user(request)))
        return Response(status=status.HTTP_204_NO_CONTENT)
