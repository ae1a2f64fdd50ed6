"""Targets that the audit log is forwarded to: a project's, and the platform's."""

from typing import ClassVar
from uuid import UUID

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from projects.actions import forwarding as actions
from projects.doors.api import PlatformViewSet, ProjectViewSet
from projects.doors.schema import documented
from projects.doors.strict import PageQuery, QuerySerializer
from projects.forwarding.lag import with_lag
from projects.models import AuditForward, PlatformForward
from projects.serializers.forwarding import (
    AuditForwardBody,
    AuditForwardChange,
    AuditForwardSerializer,
    PlatformForwardBody,
    PlatformForwardSerializer,
)


class AuditForwardViewSet(ProjectViewSet):
    """Where this project's audit log goes."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "audit.read",
        "retrieve": "audit.read",
        "create": "webhook.manage",
        "partial_update": "webhook.manage",
        "destroy": "webhook.manage",
        "pause": "webhook.manage",
        "resume": "webhook.manage",
        "test": "webhook.manage",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery}
    queryset = AuditForward.objects.none()
    serializer_class = AuditForwardSerializer

    def _shown(self, row: AuditForward, code: int = status.HTTP_200_OK) -> Response:
        return Response(AuditForwardSerializer(with_lag([row])[0]).data, status=code)

    @documented(operation_id="audit_forwards_list", summary="Targets that the audit log is forwarded to")
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(AuditForward.objects.all()) or []
        return self.get_paginated_response(AuditForwardSerializer(with_lag(list(page)), many=True).data)

    @documented(
        operation_id="audit_forward_add",
        summary="Forward the audit log to another system; needs audit.read as well",
        request=AuditForwardBody,
        responses={201: AuditForwardSerializer},
    )
    def create(self, request: Request) -> Response:
        row = actions.add_forward(self.grant, **self.body(AuditForwardBody))
        return self._shown(row, status.HTTP_201_CREATED)

    @documented(operation_id="audit_forward_read", summary="A target, and how far it has the log")
    def retrieve(self, request: Request, pk: UUID) -> Response:
        return self._shown(actions.find_forward(pk))

    @documented(
        operation_id="audit_forward_change",
        summary="Change, pause or resume a target, which keeps its place in the log; needs audit.read as well",
        request=AuditForwardChange,
        responses=AuditForwardSerializer,
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        body, row = self.body(AuditForwardChange), actions.find_forward(pk)
        return self._shown(actions.change_forward(self.grant, row, **body))

    @documented(operation_id="audit_forward_remove", summary="Remove a target", responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        actions.remove(actions.find_forward(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @documented(operation_id="audit_forward_pause", summary="Pause a target", request=None)
    def pause(self, request: Request, pk: UUID) -> Response:
        return self._shown(actions.pause(actions.find_forward(pk)))

    @documented(
        operation_id="audit_forward_resume",
        summary="Resume a target, or try one that fails now",
        request=None,
    )
    def resume(self, request: Request, pk: UUID) -> Response:
        return self._shown(actions.resume(actions.find_forward(pk)))

    @documented(
        operation_id="audit_forward_test",
        summary="Send a trial; `tested_at` and `test_problem` say how it went",
        request=None,
        responses={202: AuditForwardSerializer},
    )
    def test(self, request: Request, pk: UUID) -> Response:
        return self._shown(actions.try_out(actions.find_forward(pk)), status.HTTP_202_ACCEPTED)


class PlatformForwardViewSet(PlatformViewSet):
    """Where the platform's audit log, or every log, goes."""

    roles: ClassVar[dict[str, tuple[str, ...]]] = {
        "list": ("admin", "auditor"),
        "retrieve": ("admin", "auditor"),
        "create": ("admin",),
        "partial_update": ("admin",),
        "destroy": ("admin",),
        "pause": ("admin",),
        "resume": ("admin",),
        "test": ("admin",),
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery}
    queryset = PlatformForward.objects.none()
    serializer_class = PlatformForwardSerializer

    @documented(
        operation_id="platform_audit_forwards_list", summary="Targets that audit logs are forwarded to"
    )
    def list(self, request: Request) -> Response:
        return self.listed(PlatformForward.objects.all(), PlatformForwardSerializer)

    @documented(
        operation_id="platform_audit_forward_add",
        summary="Forward the platform's audit log, or every log",
        request=PlatformForwardBody,
        responses={201: PlatformForwardSerializer},
    )
    def create(self, request: Request) -> Response:
        row = actions.add_platform_forward(self.grant.actor.person, **self.body(PlatformForwardBody))
        return Response(PlatformForwardSerializer(row).data, status=status.HTTP_201_CREATED)

    @documented(operation_id="platform_audit_forward_read", summary="A target of the platform")
    def retrieve(self, request: Request, pk: UUID) -> Response:
        return Response(PlatformForwardSerializer(actions.find_platform_forward(pk)).data)

    @documented(
        operation_id="platform_audit_forward_change",
        summary="Change, pause or resume a target of the platform, which keeps its place in the logs",
        request=AuditForwardChange,
        responses=PlatformForwardSerializer,
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        body, row = self.body(AuditForwardChange), actions.find_platform_forward(pk)
        return Response(PlatformForwardSerializer(actions.change_platform_forward(row, **body)).data)

    @documented(
        operation_id="platform_audit_forward_remove",
        summary="Remove a target of the platform",
        responses={204: None},
    )
    def destroy(self, request: Request, pk: UUID) -> Response:
        actions.remove(actions.find_platform_forward(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @documented(
        operation_id="platform_audit_forward_pause", summary="Pause a target of the platform", request=None
    )
    def pause(self, request: Request, pk: UUID) -> Response:
        return Response(PlatformForwardSerializer(actions.pause(actions.find_platform_forward(pk))).data)

    @documented(
        operation_id="platform_audit_forward_resume",
        summary="Resume a target of the platform, or try one that fails now",
        request=None,
    )
    def resume(self, request: Request, pk: UUID) -> Response:
        return Response(PlatformForwardSerializer(actions.resume(actions.find_platform_forward(pk))).data)

    @documented(
        operation_id="platform_audit_forward_test",
        summary="Send a trial to a target of the platform",
        request=None,
        responses={202: PlatformForwardSerializer},
    )
    def test(self, request: Request, pk: UUID) -> Response:
        row = actions.try_out(actions.find_platform_forward(pk))
        return Response(PlatformForwardSerializer(row).data, status=status.HTTP_202_ACCEPTED)
