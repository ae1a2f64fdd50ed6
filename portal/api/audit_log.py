"""The whole portal's audit log for auditors: how sealing stands, the global receipt, verifications of everything."""

from typing import ClassVar
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.audit import Target
from accounts.audit.receipts import receipt_of
from accounts.audit.rows import log_of
from accounts.audit.status import status_of
from portal.audit_verification import ask_for_everything
from projects.api.audit_log import attachment, proof_of_consistency, proof_of_event
from projects.doors.api import PlatformViewSet
from projects.doors.schema import documented
from projects.doors.strict import QuerySerializer
from projects.serializers.audit_log import (
    AuditStatusSerializer,
    AuditVerificationSerializer,
    ConsistencySerializer,
    InclusionSerializer,
    PlatformConsistencyQuery,
    ProofQuery,
    ReceiptSerializer,
)


class PlatformAuditLogViewSet(PlatformViewSet):
    """Sealing of all logs together."""

    roles: ClassVar[dict[str, tuple[str, ...]]] = {
        "retrieve": ("auditor",),
        "receipt": ("auditor",),
        "verify": ("auditor",),
        "proof": ("auditor",),
        "consistency": ("auditor",),
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {
        "proof": ProofQuery,
        "consistency": PlatformConsistencyQuery,
    }
    serializer_class = AuditStatusSerializer

    @documented(operation_id="platform_audit_log_status", summary="How the sealing of all logs stands")
    def retrieve(self, request: Request) -> Response:
        return Response(AuditStatusSerializer(status_of(None)).data)

    @documented(
        operation_id="platform_audit_log_receipt",
        summary="A receipt of the newest global checkpoint, to be kept elsewhere",
        responses=ReceiptSerializer,
    )
    def receipt(self, request: Request) -> Response:
        document = receipt_of(None)
        audit.record(
            "audit.receipt", Target("auditlog", "", "global"), detail={"sequence": document["sequence"]}
        )
        return attachment(document)

    @documented(
        operation_id="platform_audit_log_verify",
        summary="Ask for a verification of all logs; follow it at the status",
        request=None,
        responses={202: AuditVerificationSerializer},
    )
    def verify(self, request: Request) -> Response:
        asked = ask_for_everything(self.grant.actor.label)
        return Response(AuditVerificationSerializer(asked).data, status=202)

    @documented(
        operation_id="platform_audit_event_proof",
        summary="Proof that an event of any log is in it, to be checked without the rest",
        responses=InclusionSerializer,
    )
    def proof(self, request: Request, pk: UUID) -> Response:
        return proof_of_event(pk, None, self.query.get("checkpoint"))

    @documented(
        operation_id="platform_audit_log_consistency",
        summary="Proof that one checkpoint of a log continues another",
        responses=ConsistencySerializer,
    )
    def consistency(self, request: Request) -> Response:
        log = self.query["log"]
        return proof_of_consistency(
            log_of(log), Target("auditlog", log, log), self.query["from"], self.query["to"]
        )
