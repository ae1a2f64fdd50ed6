"""What the endpoints API takes and gives."""

from typing import Any

from rest_framework import serializers

from projects.doors.strict import StrictSerializer
from registry.endpoints.state import state_of
from registry.models import Endpoint, Revision
from registry.models.training import NAME


class RevisionSerializer(serializers.ModelSerializer[Revision]):
    """One model version, deployed once."""

    class Meta:
        model = Revision
        fields = (
            "number",
            "model_name",
            "model_version",
            "run_id",
            "state",
            "reason",
            "operation_id",
            "created_by_label",
            "created_at",
        )
        read_only_fields = fields


class EndpointSerializer(serializers.ModelSerializer[Endpoint]):
    """An endpoint: what it serves, and how it is."""

    state = serializers.SerializerMethodField()
    active = RevisionSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Endpoint
        fields = ("name", "description", "desired", "state", "active", "created_by_label", "created_at")
        read_only_fields = fields

    def get_state(self, endpoint: Endpoint) -> str:
        """running, starting, stopping, stopped, failed, empty or unknown."""
        return state_of(endpoint)


class EndpointCreateSerializer(StrictSerializer):
    """A new endpoint."""

    name = serializers.CharField(max_length=63, validators=[NAME])
    description = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")


class DeploySerializer(StrictSerializer):
    """Which model version to deploy: by number, or by alias."""

    model = serializers.CharField(max_length=255)
    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, allow_null=True, default=None
    )
    alias = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")


class DeploymentSerializer(serializers.Serializer[Any]):
    """The operation that deploys."""

    operation = serializers.UUIDField()
    state = serializers.CharField()
    revision = serializers.IntegerField()
