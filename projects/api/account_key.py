"""The account's protection key: its versions, ages and counts, and rotating it. Never the key."""

from typing import Any, ClassVar

from django.utils.translation import gettext as _
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import NotFound
from accounts.models import KeyState
from projects.actions.account_key import key_versions, rotate_own_key
from projects.doors.api import ProjectViewSet
from projects.doors.schema import documented
from projects.doors.strict import QuerySerializer, StrictSerializer, idempotency_key
from projects.permissions import Permission
from projects.serializers import OperationSerializer


class ProtectionKeyVersionSerializer(serializers.Serializer[Any]):
    """One version that the account's protection key has had."""

    version = serializers.IntegerField()
    state = serializers.ChoiceField(choices=KeyState.choices)
    created_at = serializers.DateTimeField()
    retired_at = serializers.DateTimeField(allow_null=True)
    destroyed_at = serializers.DateTimeField(allow_null=True)
    values = serializers.IntegerField(
        source="sealed_values", allow_null=True, help_text="Sealed values under it; null before a count."
    )
    counted_at = serializers.DateTimeField(allow_null=True)


class ProtectionKeySerializer(serializers.Serializer[Any]):
    """The version of the account's protection key that seals now, and every version that there was."""

    version = serializers.IntegerField()
    created_at = serializers.DateTimeField(help_text="When this version was made.")
    versions = ProtectionKeyVersionSerializer(many=True)


class KeyReasonBody(StrictSerializer):
    """Why a key is rotated."""

    reason = serializers.CharField(max_length=500, help_text="Goes into the audit log.")


class ProtectionKeyViewSet(ProjectViewSet):
    """The account's protection key."""

    permissions: ClassVar[dict[str, str]] = {
        "retrieve": Permission.PROJECT_READ,
        "rotate": Permission.KEY_ROTATE,
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {}
    serializer_class = ProtectionKeySerializer

    @documented(operation_id="protection_key", summary="Versions and ages of the account's protection key")
    def retrieve(self, request: Request) -> Response:
        versions = list(key_versions())
        active = next((row for row in versions if row.state == KeyState.ACTIVE), None)
        if active is None:
            raise NotFound("key.shredded", _("The protection key of this account was destroyed."))
        told = {"version": active.version, "created_at": active.created_at, "versions": versions}
        return Response(ProtectionKeySerializer(told).data)

    @documented(
        operation_id="protection_key_rotate",
        summary="Give the account a new version of its protection key; everything goes on meanwhile",
        request=KeyReasonBody,
        responses={202: OperationSerializer},
    )
    def rotate(self, request: Request) -> Response:
        body = self.body(KeyReasonBody)
        operation = rotate_own_key(self.grant, body["reason"], idempotency_key=idempotency_key(request))
        shown = OperationSerializer(operation, context={"slug": self.grant.slug})
        return Response(shown.data, status=status.HTTP_202_ACCEPTED)
