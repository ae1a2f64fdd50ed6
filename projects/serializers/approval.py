"""Requests for a decision, and permissions granted for a time."""

from typing import Any

from rest_framework import serializers

from projects import approvals
from projects.actions.access import DEFAULT_DAYS, LONGEST_DAYS
from projects.doors.strict import PageQuery, StrictSerializer
from projects.models import ApprovalRequest, PermissionGrant


class ApprovalSerializer(serializers.ModelSerializer[ApprovalRequest]):
    """A request, and how it was decided."""

    class Meta:
        model = ApprovalRequest
        fields = (
            "id",
            "kind",
            "target_type",
            "target_id",
            "target_label",
            "reason",
            "state",
            "asked_by_label",
            "created_at",
            "expires_at",
            "decided_by_label",
            "decided_at",
            "note",
            "self_approved",
        )
        read_only_fields = fields


class EvidenceSerializer(serializers.Serializer[Any]):
    """One fact beside a decision."""

    fact = serializers.CharField()
    text = serializers.CharField()


class ApprovalDetailSerializer(ApprovalSerializer):
    """A request with what its decider ought to see."""

    evidence = EvidenceSerializer(many=True, source="facts", read_only=True)
    permission = serializers.SerializerMethodField(help_text="Who holds this decides.")

    class Meta(ApprovalSerializer.Meta):
        fields = (*ApprovalSerializer.Meta.fields, "evidence", "permission")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]

    def get_permission(self, request: ApprovalRequest) -> str:
        """The deciding permission."""
        return str(approvals.kind_of(request.kind).permission)


class ApprovalQuery(PageQuery):
    """Which requests to list."""

    state = serializers.ChoiceField(choices=ApprovalRequest.State.choices, required=False)


class AccessBody(StrictSerializer):
    """Ask for a permission for some days."""

    permission = serializers.CharField(max_length=48)
    reason = serializers.CharField(max_length=1000)
    days = serializers.IntegerField(
        required=False, min_value=1, max_value=LONGEST_DAYS, help_text=f"{DEFAULT_DAYS} unless told."
    )


class DecisionBody(StrictSerializer):
    """A word to who asked; needed where a team of one decides on its own request."""

    note = serializers.CharField(required=False, max_length=1000, allow_blank=True)


class PermissionGrantSerializer(serializers.ModelSerializer[PermissionGrant]):
    """A permission that a person has for a time."""

    username = serializers.CharField(source="user.username", read_only=True)
    live = serializers.BooleanField(read_only=True)

    class Meta:
        model = PermissionGrant
        fields = (
            "id",
            "username",
            "permission",
            "reason",
            "granted_by_label",
            "created_at",
            "expires_at",
            "ended_at",
            "live",
        )
        read_only_fields = fields


class PermissionGrantBody(AccessBody):
    """Grant a permission to a member for some days."""

    username = serializers.CharField(max_length=64)
