"""The project's audit log."""

from typing import ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import NotFound
from accounts.models import AuditEvent
from projects.audit_history import History, person_history, thing_history
from projects.audit_log import asked_for, matching, record_reading
from projects.doors.api import ProjectViewSet
from projects.doors.pagination import PortalCursorPagination
from projects.doors.schema import documented
from projects.doors.strict import QuerySerializer
from projects.serializers import AuditEventSerializer, AuditQuery, HistorySerializer, PeriodQuery


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


class AuditHistoryViewSet(ProjectViewSet):
    """One thing's history, and one person's. Each reading is itself recorded."""

    permissions: ClassVar[dict[str, str]] = {"thing": "audit.read", "person": "audit.read"}
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"thing": PeriodQuery, "person": PeriodQuery}
    serializer_class = HistorySerializer

    @documented(operation_id="audit_thing_history", summary="What happened to one thing, and who did it")
    def thing(self, request: Request, kind: str, pk: str) -> Response:
        own = AuditEvent.objects.filter(account_id=self.grant.account_id)
        return self._answer(thing_history(own, kind, pk, self.query), {"thing": f"{kind}:{pk}"})

    @documented(
        operation_id="audit_person_history",
        summary="What one person did, themselves and through tokens, runs and tasks",
    )
    def person(self, request: Request, actor: str) -> Response:
        own = AuditEvent.objects.filter(account_id=self.grant.account_id)
        person, history = person_history(own, actor, self.query)
        return self._answer(history, {"person": person.key})

    def _answer(self, history: History, about: dict[str, str]) -> Response:
        record_reading({**self.query, **about}, history.count)
        events = f"/api/v1/projects/{self.grant.slug}/audit-events"
        url = f"{events}?{urlencode({**about, **asked_for(self.query)})}"
        return Response(HistorySerializer(history, context={"events_url": url}).data)
