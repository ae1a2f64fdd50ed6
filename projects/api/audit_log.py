"""The project's audit log as a whole: how its sealing stands, a receipt of it, a verification of it."""

from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.audit import Target
from accounts.audit.receipts import receipt_of
from accounts.audit.status import status_of
from projects.api.operations import accepted
from projects.audit_verification import ask_verification
from projects.doors.api import ProjectViewSet
from projects.doors.schema import IDEMPOTENCY_PARAMETER, documented
from projects.doors.strict import QuerySerializer, idempotency_key
from projects.serializers import OperationSerializer
from projects.serializers.audit_log import AuditStatusSerializer, ReceiptSerializer


def attachment(document: dict[str, Any]) -> Response:
    """Answer with a receipt as a file to be saved."""
    name = f"audit-receipt-{document['log']}-{document['sequence']}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(ReceiptSerializer(document).data, headers=headers)


class AuditLogViewSet(ProjectViewSet):
    """Sealing of this project's log. `audit-log/export` streams it."""

    permissions: ClassVar[dict[str, str]] = {
        "retrieve": "audit.read",
        "receipt": "audit.read",
        "verify": "audit.read",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {}
    serializer_class = AuditStatusSerializer

    @documented(operation_id="audit_log_status", summary="How the log's sealing stands")
    def retrieve(self, request: Request) -> Response:
        return Response(AuditStatusSerializer(status_of(self.grant.account_id)).data)

    @documented(
        operation_id="audit_log_receipt",
        summary="A receipt: the newest signed checkpoint, to be kept elsewhere",
        responses=ReceiptSerializer,
    )
    def receipt(self, request: Request) -> Response:
        document = receipt_of(self.grant.account_id)
        about = Target("auditlog", str(self.grant.account_id), self.grant.project_name)
        audit.record("audit.receipt", about, detail={"sequence": document["sequence"]})
        return attachment(document)

    @documented(
        operation_id="audit_log_verify",
        summary="Verify the whole log: an operation",
        request=None,
        responses={202: OperationSerializer},
        parameters=[IDEMPOTENCY_PARAMETER],
    )
    def verify(self, request: Request) -> Response:
        operation = ask_verification(self.grant, idempotency_key=idempotency_key(request))
        return accepted(operation, self.grant.slug)
