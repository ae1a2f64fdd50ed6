"""What the API says of deletions."""

from typing import Any

from rest_framework import serializers

from projects.doors.strict import StrictSerializer
from registry.models import DatasetDeletion

Read = serializers.Serializer[Any]


class DatasetDeletionSerializer(serializers.ModelSerializer[DatasetDeletion]):
    """A deletion of a version, or of a whole dataset where `version` is null. `sha256` is its statement's."""

    dataset = serializers.CharField(source="dataset.name", read_only=True)
    version = serializers.IntegerField(source="version.number", read_only=True, allow_null=True, default=None)
    state = serializers.ChoiceField(choices=DatasetDeletion.State.choices, read_only=True)
    request = serializers.UUIDField(source="request_id", read_only=True, allow_null=True)
    operation = serializers.UUIDField(source="operation_id", read_only=True, allow_null=True)

    class Meta:
        model = DatasetDeletion
        fields = (
            "id",
            "dataset",
            "version",
            "state",
            "reason",
            "asked_by_label",
            "decided_by_label",
            "request",
            "operation",
            "created_at",
            "begun_at",
            "finished_at",
            "sha256",
        )
        read_only_fields = fields


class DataDependantSerializer(Read):
    """A thing that was made of the data."""

    kind = serializers.CharField()
    id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field of that name, not the serializer's own


class DependantsSerializer(Read):
    """What was made of the data, and whether a second person decides on its deletion."""

    things = DataDependantSerializer(many=True)
    protected = serializers.ListField(
        child=serializers.CharField(), help_text="Protected aliases that point to a model made of it."
    )
    guarded = serializers.BooleanField(help_text="Whether it is confidential or restricted.")
    complete = serializers.BooleanField(help_text="False where MLflow could not tell everything.")
    needs_approval = serializers.BooleanField()
    deletion = DatasetDeletionSerializer(allow_null=True, help_text="The one that was begun, if any.")


class DeletionBody(StrictSerializer):
    """Why, and what is to be deleted, typed out: `wafers@3` for a version, `wafers` for a dataset."""

    reason = serializers.CharField(max_length=1000)
    confirm = serializers.CharField(max_length=80)


class DisposalStatementSerializer(Read):
    """A signed statement of what was destroyed: Ed25519 over `body`, in hex, by the audit log's key `key`."""

    body = serializers.CharField(trim_whitespace=False)
    sha256 = serializers.CharField()
    key = serializers.CharField()
    signature = serializers.CharField()
