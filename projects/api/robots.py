"""Robots and their tokens, over the API."""

from datetime import timedelta
from typing import Any, ClassVar

from django.db.models import Case, Count, Exists, Max, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Now
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from projects import reach
from projects.actions import robots as actions
from projects.actions.tokens import DEFAULT_LIFETIME
from projects.doors.api import ProjectViewSet
from projects.doors.schema import documented
from projects.doors.strict import PageQuery, QuerySerializer
from projects.models import Membership, Robot, Token
from projects.permissions import Permission
from projects.serializers import TokenMadeSerializer, TokenSerializer
from projects.serializers.robot import (
    RobotBody,
    RobotChange,
    RobotReason,
    RobotSerializer,
    RobotTokenBody,
)
from projects.serializers.roles import RobotReachSerializer


def robots_seen() -> QuerySet[Any]:
    """The robots of the project in scope, each with whether its person has left (`responsible_left`), how many of its
    own tokens have not ended (`tokens_alive`), and when one was used last.
    """
    members = Membership.objects.filter(user=OuterRef("responsible"), account=OuterRef("account")).exclude(
        expires_at__lte=Now()
    )
    own = Q(tokens__purpose=Token.Purpose.ROBOT)
    rows: QuerySet[Any] = (
        Robot.objects.filter(deleted_at=None)
        .select_related("responsible")
        .annotate(
            responsible_left=Case(When(responsible__is_active=False, then=True), default=~Exists(members)),
            tokens_alive=Count(
                "tokens", filter=own & Q(tokens__revoked_at=None, tokens__expires_at__gt=Now())
            ),
            last_used_at=Max("tokens__last_used_at", filter=own),
        )
    )
    return rows


def tokens_of(robot: Robot) -> QuerySet[Any]:
    """A robot's own tokens, as lists of tokens show them."""
    rows = Token.objects.select_related("user", "robot").annotate(leaver=Value(False))
    found: QuerySet[Any] = rows.filter(robot=robot, purpose=Token.Purpose.ROBOT)
    return found


class RobotViewSet(ProjectViewSet):
    """What works in this project without being a person."""

    permissions: ClassVar[dict[str, str]] = {
        "list": Permission.MEMBER_READ,
        "retrieve": Permission.MEMBER_READ,
        "reach": Permission.MEMBER_READ,
        "create": Permission.TOKEN_MANAGE,
        "partial_update": Permission.TOKEN_MANAGE,
        "end": Permission.TOKEN_MANAGE,
        "disable": Permission.TOKEN_MANAGE,
        "enable": Permission.TOKEN_MANAGE,
        "tokens": Permission.TOKEN_MANAGE,
        "make_token": Permission.TOKEN_MANAGE,
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery, "tokens": PageQuery}
    queryset = Robot.objects.none()
    serializer_class = RobotSerializer

    def _shown(self, name: str, code: int = status.HTTP_200_OK) -> Response:
        return Response(RobotSerializer(robots_seen().get(name=name)).data, status=code)

    @documented(operation_id="robots_list", summary="Robots")
    def list(self, request: Request) -> Response:
        return self.listed(robots_seen(), RobotSerializer)

    @documented(operation_id="robot_read", summary="A robot")
    def retrieve(self, request: Request, name: str) -> Response:
        return self._shown(actions.find_robot(name).name)

    @documented(
        operation_id="robot_reach",
        summary="What a robot can reach, and why",
        responses=RobotReachSerializer,
    )
    def reach(self, request: Request, name: str) -> Response:
        robot = actions.find_robot(name)
        shown = {
            "name": robot.name,
            "role": robot.role,
            "state": robot.state,
            "expires_at": robot.expires_at,
            "permissions": reach.held_by(robot.pk),
            "things": reach.things_of(self.grant, robot.pk),
        }
        return Response(RobotReachSerializer(shown).data)

    @documented(
        operation_id="robot_create",
        summary="Make a robot",
        request=RobotBody,
        responses={201: RobotSerializer},
    )
    def create(self, request: Request) -> Response:
        robot = actions.make_robot(self.grant, **self.body(RobotBody))
        return self._shown(robot.name, status.HTTP_201_CREATED)

    @documented(
        operation_id="robot_change",
        summary="Give a robot another role, responsible person or end",
        request=RobotChange,
        responses=RobotSerializer,
    )
    def partial_update(self, request: Request, name: str) -> Response:
        body, robot = self.body(RobotChange), actions.find_robot(name, lock=True)
        now = {
            "description": robot.description,
            "role": robot.role,
            "responsible": robot.responsible.username,
            "expires_at": robot.expires_at,
        }
        actions.change_robot(self.grant, robot, **{**now, **body})
        return self._shown(name)

    @documented(
        operation_id="robot_end",
        summary="End a robot and all its tokens, for good",
        request=RobotReason,
        responses={204: None},
    )
    def end(self, request: Request, name: str) -> Response:
        body = self.body(RobotReason)
        actions.delete_robot(self.grant, actions.find_robot(name, lock=True), body["reason"])
        return Response(status=status.HTTP_204_NO_CONTENT)

    @documented(
        operation_id="robot_disable",
        summary="Stop a robot: none of its tokens opens anything",
        request=RobotReason,
        responses=RobotSerializer,
    )
    def disable(self, request: Request, name: str) -> Response:
        body = self.body(RobotReason)
        actions.disable_robot(self.grant, actions.find_robot(name, lock=True), body["reason"])
        return self._shown(name)

    @documented(
        operation_id="robot_enable",
        summary="Let a disabled robot work again",
        request=None,
        responses=RobotSerializer,
    )
    def enable(self, request: Request, name: str) -> Response:
        actions.enable_robot(self.grant, actions.find_robot(name, lock=True))
        return self._shown(name)

    @documented(
        operation_id="robot_tokens_list", summary="A robot's tokens", responses=TokenSerializer(many=True)
    )
    def tokens(self, request: Request, name: str) -> Response:
        return self.listed(tokens_of(actions.find_robot(name)), TokenSerializer)

    @documented(
        operation_id="robot_token_create",
        summary="Make a token for a robot; the answer is the only place that shows it",
        request=RobotTokenBody,
        responses={201: TokenMadeSerializer},
    )
    def make_token(self, request: Request, name: str) -> Response:
        body = self.body(RobotTokenBody)
        seconds = body.get("expires_in")
        token, text = actions.make_robot_token(
            self.grant,
            actions.find_robot(name),
            name=body["name"],
            scopes=body.get("scopes"),
            addresses=body.get("addresses"),
            lifetime=timedelta(seconds=seconds) if seconds else DEFAULT_LIFETIME,
        )
        token.leaver = False  # type: ignore[attr-defined]  # a robot leaves nothing
        made = TokenMadeSerializer(token, context={"text": text})
        return Response(made.data, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})
