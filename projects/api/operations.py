"""Operations: what is being done, how far it is, how it ended."""

from typing import ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import NotFound
from projects import operations
from projects.doors.api import ProjectViewSet
from projects.doors.schema import IDEMPOTENCY_PARAMETER, documented
from projects.doors.strict import QuerySerializer, idempotency_key
from projects.models import Operation
from projects.operations import log as operation_log
from projects.serializers import OperationLogSerializer, OperationQuery, OperationSerializer
from projects.serializers.operation import LogQuery, described


def find_operation(pk: UUID) -> Operation:
    """Return an operation of the project in scope; raises `NotFound`."""
    operation: Operation | None = Operation.objects.filter(pk=pk).first()
    if operation is None:
        raise operation_not_found()
    return operation


def operation_not_found() -> NotFound:
    """One answer for an operation that is not there and one of another project."""
    return NotFound("operation.not_found", _("There is no such operation in this project."))


def accepted(operation: Operation, slug: str) -> Response:
    """Answer 202 with the operation, and where to follow it: what every POST that starts work returns."""
    return Response(
        described(operation, slug),
        status=status.HTTP_202_ACCEPTED,
        headers={"Location": f"/api/v1/projects/{slug}/operations/{operation.pk}"},
    )


class OperationViewSet(ProjectViewSet):
    """Operations of this project. Cancelling and retrying need the permission that the work itself needs."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "operation.read",
        "log": "operation.read",
        "cancel": "operation.read",
        "retry": "operation.read",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": OperationQuery, "log": LogQuery}
    serializer_class = OperationSerializer

    @documented(operation_id="operations_list", summary="Operations, newest first")
    def list(self, request: Request) -> Response:
        names = ("state", "kind", "target_type", "target_id")
        wanted = {name: self.query[name] for name in names if name in self.query}
        return self.listed(Operation.objects.filter(**wanted), OperationSerializer, slug=self.grant.slug)

    @documented(operation_id="operation_log", summary="An operation's log", responses=OperationLogSerializer)
    def log(self, request: Request, pk: UUID) -> Response:
        pieces = list(operation_log.read(find_operation(pk), self.query["after"]))
        last = pieces[-1][0] if pieces else self.query["after"]
        return Response({"text": "".join(text for _seq, text in pieces), "last": last})

    @documented(
        operation_id="operation_cancel",
        summary="Ask an operation to stop",
        request=None,
        responses={202: OperationSerializer},
    )
    def cancel(self, request: Request, pk: UUID) -> Response:
        operation = find_operation(pk)
        self.grant.require(operation.permission)
        return accepted(operations.cancel(operation, self.grant), self.grant.slug)

    @documented(
        operation_id="operation_retry",
        summary="Ask again for what has failed or was cancelled",
        request=None,
        parameters=[IDEMPOTENCY_PARAMETER],
        responses={202: OperationSerializer},
    )
    def retry(self, request: Request, pk: UUID) -> Response:
        operation = find_operation(pk)
        self.grant.require(operation.permission)
        again = operations.retry(operation, self.grant, idempotency_key=idempotency_key(request))
        return accepted(again, self.grant.slug)
