"""The project's audit log."""

from typing import ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import NotFound
from accounts.models import AuditEvent
from projects.audit_log import matching, record_reading
from projects.doors.api import ProjectViewSet
from projects.doors.pagination import PortalCursorPagination
from projects.doors.schema import documented
from projects.doors.strict import QuerySerializer
from projects.serializers import AuditEventSerializer, AuditQuery


class NewestFirst(PortalCursorPagination):
    """By time: the log's index, and its partitions, go by it."""

    ordering = ("-at", "-id")


class AuditEventViewSet(ProjectViewSet):
    """Who did what to which thing, when, from where. Each reading is itself recorded."""

    permissions: ClassVar[dict[str, str]] = {"list": "audit.read", "retrieve": "audit.read"}
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": AuditQuery}
    serializer_class = AuditEventSerializer
    pagination_class = NewestFirst

    @documented(operation_id="audit_events_list", summary="Audit events, newest first")
    def list(self, request: Request) -> Response:
        rows = matching(AuditEvent.objects.filter(account_id=self.grant.account_id), self.query)
        response = self.listed(rows, AuditEventSerializer)
        record_reading(self.query, len(response.data["results"]))
        return response

    @documented(operation_id="audit_event_read", summary="An audit event")
    def retrieve(self, request: Request, pk: UUID) -> Response:
        event = AuditEvent.objects.filter(account_id=self.grant.account_id, pk=pk).first()
        if event is None:
            raise NotFound("audit.not_found", _("There is no such event in this project's log."))
        record_reading({"target": str(pk)}, 1)
        return Response(AuditEventSerializer(event).data)
