"""What the API says of a dataset's sensitivity and of who was let at it."""

from typing import Any

from rest_framework import serializers

from projects.actions.access import LONGEST_DAYS
from projects.doors.strict import StrictSerializer
from registry.datasets.actions.sensitivity import DEFAULT_DAYS
from registry.models import Dataset, DatasetGrant


class SensitivityBody(StrictSerializer):
    """Another sensitivity, and why."""

    sensitivity = serializers.ChoiceField(choices=Dataset.Sensitivity.choices)
    reason = serializers.CharField(max_length=500)


class SensitivitySerializer(serializers.Serializer[Any]):
    """What became of it: changed at once, or asked for."""

    sensitivity = serializers.ChoiceField(choices=Dataset.Sensitivity.choices)
    applied = serializers.BooleanField()
    approval = serializers.UUIDField(allow_null=True, help_text="The request that waits for a decision.")


class DatasetGrantSerializer(serializers.ModelSerializer[DatasetGrant]):
    """Who was let at a dataset: a person, a robot, or everybody of a role; the other two are empty."""

    username = serializers.CharField(source="user.username", default="", read_only=True)
    robot = serializers.CharField(source="robot.name", default="", read_only=True)
    live = serializers.BooleanField(read_only=True)

    class Meta:
        model = DatasetGrant
        fields = (
            "id",
            "username",
            "robot",
            "role",
            "reason",
            "granted_by_label",
            "created_at",
            "expires_at",
            "ended_at",
            "live",
        )
        read_only_fields = fields


class DatasetGrantBody(StrictSerializer):
    """Let a member, a robot, or everybody of a role, at a dataset: one of the three."""

    username = serializers.CharField(max_length=64, required=False)
    robot = serializers.CharField(
        max_length=48, required=False, help_text="The name of a robot of this project."
    )
    role = serializers.CharField(max_length=32, required=False)
    days = serializers.IntegerField(
        required=False, min_value=1, max_value=LONGEST_DAYS, help_text="For good where absent."
    )
    reason = serializers.CharField(max_length=500)


class DatasetAccessBody(StrictSerializer):
    """Ask to be let at a dataset."""

    days = serializers.IntegerField(
        required=False, min_value=1, max_value=LONGEST_DAYS, help_text=f"{DEFAULT_DAYS} unless told."
    )
    reason = serializers.CharField(max_length=1000)
