"""Who has seen a dataset version and everything made from it, over REST."""

from typing import ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from projects.api.audit import NewestFirst
from projects.doors.api import ProjectViewSet
from projects.doors.schema import documented
from projects.doors.strict import PageQuery, QuerySerializer
from projects.serializers import AuditEventSerializer
from registry.datasets.find import find_version
from registry.exposure.question import who_has_seen
from registry.exposure.serializers import SeenSerializer


class SeenViewSet(ProjectViewSet):
    """Asking is itself recorded."""

    permissions: ClassVar[dict[str, str]] = {"retrieve": "audit.read", "events": "audit.read"}
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"events": PageQuery}
    serializer_class = SeenSerializer
    pagination_class = NewestFirst

    @documented(
        operation_id="dataset_seen",
        summary="Who has seen a version and everything made from it: person by thing",
        responses=SeenSerializer,
    )
    def retrieve(self, request: Request, name: str, number: int) -> Response:
        seen = who_has_seen(self.grant, find_version(self.grant, name, number, deleted=True))
        return Response(SeenSerializer(seen).data)

    @documented(
        operation_id="dataset_seen_events",
        summary="The reads of a version and of everything made from it, newest first",
        responses=AuditEventSerializer(many=True),
    )
    def events(self, request: Request, name: str, number: int) -> Response:
        seen = who_has_seen(self.grant, find_version(self.grant, name, number, deleted=True))
        return self.listed(seen.reads, AuditEventSerializer)
