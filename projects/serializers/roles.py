"""A project's own roles, and who can do what."""

from typing import Any

from rest_framework import serializers

from projects.doors.strict import StrictSerializer
from projects.models import CustomRole, RobotState
from projects.permissions import PERMISSION_CHOICES, Permission


class CustomRoleSerializer(serializers.ModelSerializer[CustomRole]):
    """One of the project's own roles."""

    permissions = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = CustomRole
        fields = ("name", "description", "permissions", "created_at", "changed_at")
        read_only_fields = fields


class CustomRoleChange(StrictSerializer):
    """Another set of permissions for a role."""

    permissions = serializers.ListField(
        child=serializers.ChoiceField(choices=PERMISSION_CHOICES), max_length=len(Permission)
    )
    description = serializers.CharField(required=False, max_length=300, allow_blank=True)


class CustomRoleBody(CustomRoleChange):
    """A role to make."""

    name = serializers.RegexField(r"^[a-z][a-z0-9-]{1,31}$", max_length=32)


class HeldReasonSerializer(serializers.Serializer[Any]):
    """Why a permission is held."""

    kind = serializers.CharField(help_text="role or grant")
    text = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True)


class HeldSerializer(serializers.Serializer[Any]):
    """A permission that a person or a robot holds, and why."""

    permission = serializers.CharField()
    meaning = serializers.CharField()
    reasons = HeldReasonSerializer(many=True)


class ReachedThingSerializer(serializers.Serializer[Any]):
    """A thing guarded by name, and whether the person or robot may have it."""

    kind = serializers.CharField()
    name = serializers.CharField()
    level = serializers.CharField()
    allowed = serializers.BooleanField()
    why = serializers.CharField()


class _ReachSerializer(serializers.Serializer[Any]):
    role = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    permissions = HeldSerializer(many=True)
    things = ReachedThingSerializer(many=True)


class ReachSerializer(_ReachSerializer):
    """What a member can reach, and why."""

    username = serializers.CharField()


class RobotReachSerializer(_ReachSerializer):
    """What a robot can reach, and why; nothing while it does not work."""

    name = serializers.CharField()
    state = serializers.ChoiceField(choices=RobotState.choices)


class PersonSerializer(serializers.Serializer[Any]):
    """A member with what they have beside their role."""

    username = serializers.CharField()
    role = serializers.CharField(source="membership.role")
    expires_at = serializers.DateTimeField(source="membership.expires_at", allow_null=True)
    granted = serializers.SerializerMethodField()
    tokens = serializers.IntegerField(help_text="Usable tokens.")

    def get_granted(self, person: Any) -> list[str]:
        """Permissions granted for a time."""
        return [given.permission for given in person.grants]
