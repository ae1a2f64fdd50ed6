"""Who came into the project by break-glass, and ending it."""

from typing import ClassVar
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from projects.actions.break_glass import end_break_glass, find_break_glass
from projects.doors.api import ProjectViewSet
from projects.doors.schema import documented
from projects.doors.strict import PageQuery, QuerySerializer
from projects.models import BreakGlass
from projects.serializers.break_glass import BreakGlassSerializer


class BreakGlassViewSet(ProjectViewSet):
    """Platform admins who have entered this project."""

    permissions: ClassVar[dict[str, str]] = {"list": "member.read", "end": "project.read"}
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery}
    queryset = BreakGlass.objects.none()
    serializer_class = BreakGlassSerializer

    @documented(operation_id="break_glass_list", summary="Who entered by break-glass")
    def list(self, request: Request) -> Response:
        return self.listed(BreakGlass.objects.all(), BreakGlassSerializer)

    @documented(
        operation_id="break_glass_end",
        summary="End a break-glass access",
        request=None,
        responses=BreakGlassSerializer,
    )
    def end(self, request: Request, pk: UUID) -> Response:
        return Response(BreakGlassSerializer(end_break_glass(self.grant, find_break_glass(pk))).data)
