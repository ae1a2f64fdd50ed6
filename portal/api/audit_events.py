"""Every account's audit log and the platform's own over REST, for auditors. Each reading is itself recorded."""

from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import NotFound
from accounts.models import Account, AuditEvent
from projects.api.audit import NewestFirst
from projects.audit_history import History, person_history, thing_history
from projects.audit_log import asked_for, matching_everywhere, record_reading
from projects.doors.api import PlatformViewSet
from projects.doors.schema import documented
from projects.doors.strict import QuerySerializer
from projects.serializers import (
    HistorySerializer,
    PlatformAuditEventSerializer,
    PlatformAuditQuery,
    PlatformPeriodQuery,
)


class PlatformAuditViewSet(PlatformViewSet):
    """Every account's audit log and the platform's own, for auditors. Each reading is itself recorded."""

    roles: ClassVar[dict[str, tuple[str, ...]]] = {"list": ("auditor",), "retrieve": ("auditor",)}
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PlatformAuditQuery}
    serializer_class = PlatformAuditEventSerializer
    pagination_class = NewestFirst

    @staticmethod
    def _names() -> dict[Any, str]:
        return dict(Account.objects.values_list("pk", "name"))

    @documented(
        operation_id="platform_audit_events_list", summary="Audit events of all accounts, newest first"
    )
    def list(self, request: Request) -> Response:
        rows = matching_everywhere(AuditEvent.objects.all(), self.query)
        response = self.listed(rows, PlatformAuditEventSerializer, names=self._names())
        record_reading(self.query, len(response.data["results"]))
        return response

    @documented(operation_id="platform_audit_event_read", summary="An audit event of any account")
    def retrieve(self, request: Request, pk: UUID) -> Response:
        event = AuditEvent.objects.filter(pk=pk).first()
        if event is None:
            raise NotFound("audit.not_found", _("There is no such event."))
        record_reading({"target": str(pk)}, 1)
        context = {"names": self._names()}
        return Response(PlatformAuditEventSerializer(event, context=context).data)


class PlatformAuditHistoryViewSet(PlatformViewSet):
    """One thing's history and one person's, across accounts."""

    roles: ClassVar[dict[str, tuple[str, ...]]] = {"thing": ("auditor",), "person": ("auditor",)}
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {
        "thing": PlatformPeriodQuery,
        "person": PlatformPeriodQuery,
    }
    serializer_class = HistorySerializer

    def _log(self) -> QuerySet[AuditEvent]:
        return matching_everywhere(AuditEvent.objects.all(), {"account": self.query.get("account")})

    @documented(
        operation_id="platform_audit_thing_history", summary="What happened to one thing, and who did it"
    )
    def thing(self, request: Request, kind: str, pk: str) -> Response:
        return self._answer(thing_history(self._log(), kind, pk, self.query), {"thing": f"{kind}:{pk}"})

    @documented(operation_id="platform_audit_person_history", summary="What one person did, in every account")
    def person(self, request: Request, actor: str) -> Response:
        person, history = person_history(self._log(), actor, self.query)
        return self._answer(history, {"person": person.key})

    def _answer(self, history: History, about: dict[str, str]) -> Response:
        record_reading({**self.query, **about}, history.count)
        url = f"/api/v1/platform/audit-events?{urlencode({**about, **asked_for(self.query)})}"
        return Response(HistorySerializer(history, context={"events_url": url}).data)
