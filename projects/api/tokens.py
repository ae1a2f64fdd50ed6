"""API tokens: listed without what makes them tokens, made once, revoked."""

from datetime import timedelta
from typing import ClassVar
from uuid import UUID

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
from projects.models import Token
from projects.permissions import Permission
from projects.serializers import TokenBody, TokenMadeSerializer, TokenQuery, TokenSerializer


def find_token(pk: UUID, grant: Grant) -> Token:
    """Return one of the caller's tokens, or anybody's for who may manage them; raises `NotFound`."""
    rows = Token.objects.select_related("user").filter(pk=pk)
    if not grant.can(Permission.TOKEN_MANAGE):
        rows = rows.filter(user_id=grant.user_id)
    token: Token | None = rows.first()
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
        rows = Token.objects.select_related("user")
        if self.query["all"]:
            self.grant.require(Permission.TOKEN_MANAGE)
        else:
            rows = rows.filter(user_id=self.grant.user_id, purpose=Token.Purpose.USER)
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
            lifetime=timedelta(seconds=seconds) if seconds else DEFAULT_LIFETIME,
        )
        made = TokenMadeSerializer(token, context={"text": text})
        return Response(made.data, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})

    @documented(operation_id="token_revoke", summary="Revoke a token", responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        revoke_token(find_token(pk, self.grant), self.grant)
        return Response(status=status.HTTP_204_NO_CONTENT)
