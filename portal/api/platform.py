"""The platform over REST: accounts, the system's state, and every account's audit log. No tenant's data is here."""

from typing import Any, ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import NotFound
from accounts.models import Account, AuditEvent
from portal.api.serializers import (
    AccountBody,
    AccountMadeSerializer,
    PlatformAccountSerializer,
    SystemSerializer,
)
from portal.system import system_now
from projects.actions.accounts import open_account_for
from projects.api.audit import NewestFirst
from projects.audit_log import matching_everywhere, record_reading
from projects.doors.api import PlatformViewSet
from projects.doors.pagination import PortalCursorPagination
from projects.doors.schema import documented
from projects.doors.strict import PageQuery, QuerySerializer
from projects.models import Project
from projects.serializers import PlatformAuditEventSerializer, PlatformAuditQuery


class NewestAccountFirst(PortalCursorPagination):
    """A project's primary key is its account's, which sorts by time of opening."""

    ordering = "-account_id"


class AccountViewSet(PlatformViewSet):
    """Accounts: who they are, never what is in them."""

    roles: ClassVar[dict[str, tuple[str, ...]]] = {
        "list": ("admin",),
        "retrieve": ("admin",),
        "create": ("admin",),
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery}
    serializer_class = PlatformAccountSerializer
    pagination_class = NewestAccountFirst

    @documented(operation_id="platform_accounts_list", summary="All accounts, newest first")
    def list(self, request: Request) -> Response:
        return self.listed(Project.objects.select_related("account"), PlatformAccountSerializer)

    @documented(operation_id="platform_account_read", summary="An account")
    def retrieve(self, request: Request, pk: UUID) -> Response:
        project = Project.objects.select_related("account").filter(pk=pk).first()
        if project is None:
            raise NotFound("account.not_found", _("There is no such account."))
        return Response(PlatformAccountSerializer(project).data)

    @documented(
        operation_id="platform_account_open",
        summary="Open an account with its project and its first owner",
        request=AccountBody,
        responses={201: AccountMadeSerializer},
    )
    def create(self, request: Request) -> Response:
        body = self.body(AccountBody)
        made = open_account_for(body["name"], body["kind"], body["owner"])
        with self.reading():
            shown = AccountMadeSerializer(made).data
        return Response(shown, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


class SystemViewSet(PlatformViewSet):
    """How the engines behind the portal are."""

    roles: ClassVar[dict[str, tuple[str, ...]]] = {"retrieve": ("admin",)}
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {}
    serializer_class = SystemSerializer

    @documented(
        operation_id="platform_system", summary="The engines, and how many accounts and people there are"
    )
    def retrieve(self, request: Request) -> Response:
        return Response(SystemSerializer(system_now()).data)


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
