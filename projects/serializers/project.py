"""The project itself and its members."""

from typing import Any

from rest_framework import serializers

from accounts.models import Account, PlatformRole
from projects.doors.strict import StrictSerializer
from projects.models import Membership, Project


class MeSerializer(serializers.Serializer[Any]):
    """Who calls: the person, and the token where one was used."""

    id = serializers.UUIDField()
    username = serializers.CharField()
    name = serializers.CharField()
    email = serializers.CharField()
    language = serializers.CharField()
    platform_role = serializers.ChoiceField(choices=PlatformRole.choices)
    token = serializers.UUIDField(allow_null=True, help_text="The token that called, null for a session.")


class MyProjectSerializer(serializers.Serializer[Any]):
    """A project that the caller may enter."""

    slug = serializers.CharField()
    name = serializers.CharField()
    role = serializers.CharField()
    account_kind = serializers.ChoiceField(choices=Account.Kind.choices, source="kind")
    account_state = serializers.ChoiceField(choices=Account.State.choices, source="state")


class ProjectSerializer(serializers.ModelSerializer[Project]):
    """A project and its account."""

    id = serializers.UUIDField(source="account_id", read_only=True)
    account_name = serializers.CharField(source="account.name", read_only=True)
    account_kind = serializers.ChoiceField(
        choices=Account.Kind.choices, source="account.kind", read_only=True
    )
    role = serializers.SerializerMethodField()
    permissions = serializers.SerializerMethodField()

    class Meta:
        model = Project
        fields = (
            "id",
            "slug",
            "name",
            "description",
            "account_name",
            "account_kind",
            "role",
            "permissions",
            "created_at",
        )
        read_only_fields = fields

    def get_role(self, project: Project) -> str:
        """The role that the caller acts in."""
        return str(self.context["grant"].role)

    def get_permissions(self, project: Project) -> list[str]:
        """What the caller may do here."""
        return sorted(self.context["grant"].permissions)


class ProjectBody(StrictSerializer):
    """What of a project can be changed."""

    name = serializers.CharField(required=False, max_length=120)
    description = serializers.CharField(required=False, max_length=4000, allow_blank=True)


class RoleTableSerializer(serializers.Serializer[Any]):
    """The table of permissions: for each permission the roles that have it."""

    roles = serializers.ListField(child=serializers.CharField())
    permissions = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))


class MemberSerializer(serializers.ModelSerializer[Membership]):
    """A member of the project."""

    username = serializers.CharField(source="user.username", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)

    class Meta:
        model = Membership
        fields = ("id", "username", "name", "role", "created_at", "expires_at")
        read_only_fields = fields


class RoleBody(StrictSerializer):
    """Another role for a member."""

    role = serializers.CharField(max_length=32, help_text="A built-in role, or one of the project's own.")


class MemberBody(RoleBody):
    """A person to make a member."""

    username = serializers.CharField(max_length=64)
    expires_at = serializers.DateTimeField(required=False, help_text="The membership ends by itself then.")
