"""Destroying an account's keys, over REST: one admin asks, another decides. No token can do either."""

from typing import Any, ClassVar
from uuid import UUID

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import KeyDestruction
from accounts.recent import require_recent
from portal.api.keys import NewestFirst
from projects.actions import key_destruction as actions
from projects.doors.api import PlatformViewSet
from projects.doors.schema import documented
from projects.doors.strict import PageQuery, QuerySerializer, StrictSerializer


class KeyDestructionSerializer(serializers.ModelSerializer[KeyDestruction]):
    """A request to destroy an account's keys."""

    account = serializers.UUIDField(source="account_id", read_only=True)
    asked_by = serializers.CharField(source="asked_by_label", read_only=True)
    decided_by = serializers.CharField(source="decided_by_label", read_only=True)
    versions = serializers.ListField(child=serializers.IntegerField(), read_only=True)
    sealed_values = serializers.IntegerField(
        source="values_count", read_only=True, help_text="How many values open no more."
    )

    class Meta:
        model = KeyDestruction
        fields = (
            "id",
            "account",
            "account_name",
            "slug",
            "reason",
            "state",
            "asked_by",
            "decided_by",
            "note",
            "self_approved",
            "versions",
            "sealed_values",
            "error",
            "created_at",
            "decided_at",
            "finished_at",
        )
        read_only_fields = fields


class DestructionBody(StrictSerializer):
    """Which keys are to be destroyed, typed, and why."""

    confirm = serializers.CharField(max_length=48, help_text="The project's slug.")
    reason = serializers.CharField(max_length=500, help_text="Goes into the audit log.")


class DestructionApproval(StrictSerializer):
    """A second admin's approval."""

    confirm = serializers.CharField(max_length=48, help_text="The project's slug.")
    note = serializers.CharField(
        max_length=500,
        required=False,
        default="",
        allow_blank=True,
        help_text="Needed where one decides alone.",
    )


class DestructionRejection(StrictSerializer):
    """A refusal, or who asked taking it back."""

    note = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


class KeyDestructionViewSet(PlatformViewSet):
    """Requests to destroy accounts' keys."""

    roles: ClassVar[dict[str, tuple[str, ...]]] = {
        "list": ("admin",),
        "retrieve": ("admin",),
        "ask": ("admin",),
        "approve": ("admin",),
        "reject": ("admin",),
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery}
    serializer_class = KeyDestructionSerializer
    pagination_class = NewestFirst

    def _by(self) -> actions.Admin:
        return actions.Admin(self.grant.actor, self.grant.user_id, self.grant.via)

    def _shown(self, pk: UUID, code: int = status.HTTP_200_OK) -> Response:
        shown: dict[str, Any] = KeyDestructionSerializer(actions.find_destruction(pk)).data
        return Response(shown, status=code)

    @documented(
        operation_id="platform_key_destructions_list", summary="Requests to destroy keys, newest first"
    )
    def list(self, request: Request) -> Response:
        return self.listed(KeyDestruction.objects.all(), KeyDestructionSerializer)

    @documented(
        operation_id="platform_key_destruction_read", summary="A request to destroy an account's keys"
    )
    def retrieve(self, request: Request, pk: UUID) -> Response:
        return self._shown(pk)

    @documented(
        operation_id="platform_key_destruction_ask",
        summary="Ask for a suspended account's keys to be destroyed (from a fresh session; no token can)",
        request=DestructionBody,
        responses={201: KeyDestructionSerializer},
    )
    def ask(self, request: Request, pk: UUID) -> Response:
        body = self.body(DestructionBody)
        require_recent(request)
        return self._shown(actions.ask_destruction(pk, self._by(), **body).pk, status.HTTP_201_CREATED)

    @documented(
        operation_id="platform_key_destruction_approve",
        summary="Have the keys destroyed, as a second admin; it cannot be undone. Needs a fresh sign-in",
        request=DestructionApproval,
        responses={202: KeyDestructionSerializer},
    )
    def approve(self, request: Request, pk: UUID) -> Response:
        body = self.body(DestructionApproval)
        require_recent(request)
        actions.approve_destruction(actions.find_destruction(pk), self._by(), **body)
        return self._shown(pk, status.HTTP_202_ACCEPTED)

    @documented(
        operation_id="platform_key_destruction_reject",
        summary="Refuse, or take one's own request back. Needs a fresh sign-in",
        request=DestructionRejection,
        responses=KeyDestructionSerializer,
    )
    def reject(self, request: Request, pk: UUID) -> Response:
        body = self.body(DestructionRejection)
        require_recent(request)
        actions.reject_destruction(actions.find_destruction(pk), self._by(), body["note"])
        return self._shown(pk)
