"""The project's audit log as a whole: how its sealing stands, a receipt of it, a verification of it."""

from typing import Any, ClassVar
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.audit import Target
from accounts.audit.proofs import consistency, inclusion, log_and_index
from accounts.audit.receipts import receipt_of
from accounts.audit.status import status_of
from projects.api.operations import accepted
from projects.audit_verification import ask_verification
from projects.doors.api import ProjectViewSet
from projects.doors.schema import IDEMPOTENCY_PARAMETER, documented
from projects.doors.strict import QuerySerializer, idempotency_key
from projects.serializers import OperationSerializer
from projects.serializers.audit_log import (
    AuditStatusSerializer,
    ConsistencyQuery,
    ConsistencySerializer,
    InclusionSerializer,
    ProofQuery,
    ReceiptSerializer,
)


def attachment(document: dict[str, Any]) -> Response:
    """Answer with a receipt as a file to be saved."""
    name = f"audit-receipt-{document['log']}-{document['sequence']}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(ReceiptSerializer(document).data, headers=headers)


def proof_of_event(event_id: UUID, log_id: UUID | None, sequence: int | None) -> Response:
    """Answer with the proof that a record is in its log, on record; `log_id`: in this log alone."""
    found_in, index = log_and_index(event_id, log_id)
    document = inclusion(found_in, index, sequence)
    audit.record("audit.proof", Target("auditevent", str(event_id), ""), detail={"index": index})
    headers = _download(f"audit-proof-{document['log']}-{index}")
    return Response(InclusionSerializer(document).data, headers=headers)


def proof_of_consistency(log_id: UUID, about: Target, first: int, second: int) -> Response:
    """Answer with the proof that one checkpoint continues another, on record."""
    document = consistency(log_id, first, second)
    audit.record("audit.proof", about, detail={"from": first, "to": second})
    headers = _download(f"audit-consistency-{document['log']}-{first}-{second}")
    return Response(ConsistencySerializer(document).data, headers=headers)


def _download(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}.json"', "Cache-Control": "no-store"}


class AuditLogViewSet(ProjectViewSet):
    """Sealing of this project's log. `audit-log/export` streams it."""

    permissions: ClassVar[dict[str, str]] = {
        "retrieve": "audit.read",
        "receipt": "audit.read",
        "verify": "audit.read",
        "proof": "audit.read",
        "consistency": "audit.read",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {
        "proof": ProofQuery,
        "consistency": ConsistencyQuery,
    }
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

    @documented(
        operation_id="audit_event_proof",
        summary="Proof that an event is in the log, to be checked without the rest of it",
        responses=InclusionSerializer,
    )
    def proof(self, request: Request, pk: UUID) -> Response:
        return proof_of_event(pk, self.grant.account_id, self.query.get("checkpoint"))

    @documented(
        operation_id="audit_log_consistency",
        summary="Proof that one checkpoint of the log continues another",
        responses=ConsistencySerializer,
    )
    def consistency(self, request: Request) -> Response:
        about = Target("auditlog", str(self.grant.account_id), self.grant.project_name)
        return proof_of_consistency(self.grant.account_id, about, self.query["from"], self.query["to"])
