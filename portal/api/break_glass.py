"""Break-glass over the API: for an admin's session with a fresh sign-in, never for a token."""

from typing import Any, ClassVar

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from accounts.recent import require_recent
from projects.actions.break_glass import HOURS, break_glass
from projects.doors.api import PlatformViewSet
from projects.doors.schema import documented
from projects.doors.strict import QuerySerializer, StrictSerializer
from projects.serializers.break_glass import BreakGlassSerializer


class BreakGlassBody(StrictSerializer):
    """Where to, why, for how long."""

    project = serializers.CharField(max_length=48, help_text="The project's slug.")
    reason = serializers.CharField(max_length=500)
    hours = serializers.ChoiceField(choices=[(hours, str(hours)) for hours in HOURS])
    repair = serializers.BooleanField(required=False, default=False)


class PlatformBreakGlassViewSet(PlatformViewSet):
    """A way into a project."""

    roles: ClassVar[dict[str, tuple[str, ...]]] = {"create": ("admin",)}
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {}
    serializer_class = BreakGlassSerializer

    @documented(
        operation_id="platform_break_glass",
        summary="Enter a project by break-glass; needs a session with a fresh sign-in",
        request=BreakGlassBody,
        responses={201: BreakGlassSerializer},
    )
    def create(self, request: Request) -> Response:
        require_recent(request)
        body: dict[str, Any] = self.body(BreakGlassBody)
        admin = User.objects.get(pk=self.grant.user_id)
        entered = break_glass(admin, body.pop("project"), **body)
        return Response(BreakGlassSerializer(entered).data, status=status.HTTP_201_CREATED)
