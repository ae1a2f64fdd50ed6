"""API tokens: listed without what makes them tokens, made once, revoked."""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Case, Exists, OuterRef, QuerySet, When
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import NotFound
from accounts.models import User
from projects.actions.tokens import DEFAULT_LIFETIME, create_token, revoke_token
from projects.doors.api import ProjectViewSet
from projects.doors.grant import Grant
from projects.doors.schema import documented
from projects.doors.strict import QuerySerializer
from projects.models import Membership, Token
from projects.permissions import Permission
from projects.serializers import TokenBody, TokenMadeSerializer, TokenQuery, TokenSerializer


def tokens_seen(grant: Grant, *, everybody: bool = False, leavers: bool = False) -> QuerySet[Token]:
    """The project's tokens: the caller's own, or, with `token.manage`, everybody's, robots' and workloads' among them.

    Each knows whether its person is a `leaver`: no member any more, or closed out altogether. `leavers` keeps those
    that would still open something if they came back. Raises `Forbidden`.
    """
    members = Membership.objects.filter(user=OuterRef("user"), account=OuterRef("account")).exclude(
        expires_at__lte=Now()
    )
    rows: QuerySet[Any] = Token.objects.select_related("user", "robot").annotate(
        leaver=Case(
            When(user=None, then=False), When(user__is_active=False, then=True), default=~Exists(members)
        )
    )
    if not everybody:
        return rows.filter(user_id=grant.user_id, purpose=Token.Purpose.USER)
    grant.require(Permission.TOKEN_MANAGE)
    if leavers:
        return rows.filter(leaver=True, revoked_at=None, expires_at__gt=timezone.now())
    return rows


def find_token(pk: UUID, grant: Grant) -> Token:
    """Return one of the caller's tokens, or anybody's for who may manage them; raises `NotFound`."""
    rows = tokens_seen(grant, everybody=grant.can(Permission.TOKEN_MANAGE))
    token: Token | None = rows.filter(pk=pk).first()
    if token is None:
        raise NotFound("token.not_found", _("There is no such token."))
    return token


class TokenViewSet(ProjectViewSet):
    """Tokens of this project."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "token.use",
        "retrieve": "token.use",
        "create": "token.use",
        "destroy": "token.use",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": TokenQuery}
    serializer_class = TokenSerializer

    @documented(operation_id="tokens_list", summary="My tokens, or everybody's")
    def list(self, request: Request) -> Response:
        rows = tokens_seen(self.grant, everybody=self.query["all"], leavers=self.query["leavers"])
        return self.listed(rows, TokenSerializer)

    @documented(operation_id="token_read", summary="A token")
    def retrieve(self, request: Request, pk: UUID) -> Response:
        return Response(TokenSerializer(find_token(pk, self.grant)).data)

    @documented(
        operation_id="token_create",
        summary="Make a token for myself; the answer is the only place that shows it",
        request=TokenBody,
        responses={201: TokenMadeSerializer},
    )
    def create(self, request: Request) -> Response:
        body = self.body(TokenBody)
        seconds = body.get("expires_in")
        token, text = create_token(
            self.grant,
            User.objects.get(pk=self.grant.user_id),
            name=body["name"],
            role=body.get("role", ""),
            scopes=body.get("scopes"),
            addresses=body.get("addresses"),
            lifetime=timedelta(seconds=seconds) if seconds else DEFAULT_LIFETIME,
        )
        token.leaver = False  # type: ignore[attr-defined]  # who has just made one is there
        made = TokenMadeSerializer(token, context={"text": text})
        return Response(made.data, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})

    @documented(operation_id="token_revoke", summary="Revoke a token", responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        revoke_token(find_token(pk, self.grant), self.grant)
        return Response(status=status.HTTP_204_NO_CONTENT)
