"""Requests for a decision, and permissions for a time."""

from typing import ClassVar
from uuid import UUID

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from projects import approvals
from projects.actions import access
from projects.actions.members import find_member_named
from projects.doors.api import ProjectViewSet
from projects.doors.schema import documented
from projects.doors.strict import PageQuery, QuerySerializer
from projects.models import ApprovalRequest, PermissionGrant
from projects.serializers.approval import (
    AccessBody,
    ApprovalDetailSerializer,
    ApprovalQuery,
    ApprovalSerializer,
    DecisionBody,
    PermissionGrantBody,
    PermissionGrantSerializer,
)


class ApprovalViewSet(ProjectViewSet):
    """One's own requests, and those that one may decide."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "approval.ask",
        "create": "approval.ask",
        "retrieve": "approval.ask",
        "approve": "approval.ask",
        "reject": "approval.ask",
        "withdraw": "approval.ask",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": ApprovalQuery}
    queryset = ApprovalRequest.objects.none()
    serializer_class = ApprovalSerializer

    @documented(operation_id="approvals_list", summary="Requests that I made or may decide")
    def list(self, request: Request) -> Response:
        rows = approvals.visible(self.grant)
        if state := self.query.get("state"):
            rows = rows.filter(state=state)
        return self.listed(rows, ApprovalSerializer)

    @documented(
        operation_id="access_ask",
        summary="Ask for a permission",
        request=AccessBody,
        responses={201: ApprovalSerializer},
    )
    def create(self, request: Request) -> Response:
        made = access.ask_permission(self.grant, **self.body(AccessBody))
        return Response(ApprovalSerializer(made).data, status=status.HTTP_201_CREATED)

    @documented(
        operation_id="approval_read",
        summary="A request with its evidence",
        responses=ApprovalDetailSerializer,
    )
    def retrieve(self, request: Request, pk: UUID) -> Response:
        found = approvals.find_request(self.grant, pk)
        found.facts = [{"fact": fact, "text": text} for fact, text in approvals.evidence_of(found)]  # type: ignore[attr-defined]
        return Response(ApprovalDetailSerializer(found).data)

    def _decide(self, pk: UUID, *, approve: bool) -> Response:
        found, note = approvals.find_request(self.grant, pk), self.body(DecisionBody).get("note", "")
        return Response(
            ApprovalSerializer(approvals.decide(self.grant, found, approve=approve, note=note)).data
        )

    @documented(
        operation_id="approval_approve", summary="Approve", request=DecisionBody, responses=ApprovalSerializer
    )
    def approve(self, request: Request, pk: UUID) -> Response:
        return self._decide(pk, approve=True)

    @documented(
        operation_id="approval_reject", summary="Reject", request=DecisionBody, responses=ApprovalSerializer
    )
    def reject(self, request: Request, pk: UUID) -> Response:
        return self._decide(pk, approve=False)

    @documented(
        operation_id="approval_withdraw",
        summary="Take my request back",
        request=None,
        responses=ApprovalSerializer,
    )
    def withdraw(self, request: Request, pk: UUID) -> Response:
        found = approvals.withdraw(self.grant, approvals.find_request(self.grant, pk))
        return Response(ApprovalSerializer(found).data)


class PermissionGrantViewSet(ProjectViewSet):
    """Permissions that people have for a time, beside their roles."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "member.read",
        "create": "access.decide",
        "destroy": "access.decide",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery}
    queryset = PermissionGrant.objects.none()
    serializer_class = PermissionGrantSerializer

    @documented(operation_id="access_grants_list", summary="Permissions granted for a time")
    def list(self, request: Request) -> Response:
        return self.listed(PermissionGrant.objects.select_related("user"), PermissionGrantSerializer)

    @documented(
        operation_id="access_grant",
        summary="Grant a permission to a member for some days",
        request=PermissionGrantBody,
        responses={201: PermissionGrantSerializer},
    )
    def create(self, request: Request) -> Response:
        body = self.body(PermissionGrantBody)
        user = find_member_named(body.pop("username")).user
        body.setdefault("days", access.DEFAULT_DAYS)
        given = access.give_permission(self.grant, user, **body)
        return Response(PermissionGrantSerializer(given).data, status=status.HTTP_201_CREATED)

    @documented(operation_id="access_end", summary="End a grant", responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        access.end_permission(self.grant, access.find_given(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)
