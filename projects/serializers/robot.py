"""Robots, and the tokens that they are given."""

from rest_framework import serializers

from projects.doors.strict import StrictSerializer
from projects.models import Robot, RobotState
from projects.permissions import PERMISSION_CHOICES, Permission
from projects.serializers.token import NewTokenBody


class RobotSerializer(serializers.ModelSerializer[Robot]):
    """A robot. Its rows come from `projects.api.robots.robots_seen`."""

    responsible = serializers.CharField(source="responsible.username", read_only=True)
    responsible_left = serializers.BooleanField(
        read_only=True, help_text="Whether the person responsible is no member any more; the robot goes on."
    )
    state = serializers.ChoiceField(choices=RobotState.choices, read_only=True)
    tokens = serializers.IntegerField(
        source="tokens_alive", read_only=True, help_text="Its tokens that are not revoked or expired."
    )
    last_used_at = serializers.DateTimeField(read_only=True, allow_null=True)

    class Meta:
        model = Robot
        fields = (
            "id",
            "name",
            "description",
            "role",
            "responsible",
            "responsible_left",
            "state",
            "tokens",
            "last_used_at",
            "created_by_label",
            "created_at",
            "expires_at",
            "disabled_at",
        )
        read_only_fields = fields


class RobotChange(StrictSerializer):
    """What of a robot can be changed; what is not named stays."""

    description = serializers.CharField(max_length=300, required=False, allow_blank=True)
    role = serializers.CharField(
        max_length=32,
        required=False,
        help_text="Built-in or the project's own; at most what the caller may do.",
    )
    responsible = serializers.CharField(
        max_length=64, required=False, help_text="A member's name. The caller, unless told."
    )
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="When it stops; null for no end."
    )


class RobotBody(RobotChange):
    """A robot to make."""

    name = serializers.RegexField(r"^[a-z][a-z0-9-]{1,31}$", max_length=32)
    role = serializers.CharField(
        max_length=32, help_text="Built-in or the project's own; at most what the caller may do."
    )


class RobotReason(StrictSerializer):
    """Why a robot is stopped; it stays on record."""

    reason = serializers.CharField(max_length=500)


class RobotTokenBody(NewTokenBody):
    """A token to make for a robot, beside those that it has."""

    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=PERMISSION_CHOICES),
        required=False,
        max_length=len(Permission),
        help_text="Cuts the robot's role down to these permissions; all that it may do where absent.",
    )
