"""The project itself, its members and its tokens."""

from datetime import timedelta
from typing import Any

from rest_framework import serializers

from accounts.models import Account, PlatformRole
from projects.doors.strict import PageQuery, StrictSerializer
from projects.models import Membership, Project, Token
from projects.permissions import Permission


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


class TokenSerializer(serializers.ModelSerializer[Token]):
    """A token without what makes it one."""

    username = serializers.CharField(source="user.username", read_only=True)
    scopes = serializers.ListField(child=serializers.CharField(), read_only=True)
    usable = serializers.BooleanField(read_only=True)

    class Meta:
        model = Token
        fields = (
            "id",
            "name",
            "purpose",
            "username",
            "role",
            "scopes",
            "hint",
            "usable",
            "created_at",
            "expires_at",
            "revoked_at",
            "last_used_at",
        )
        read_only_fields = fields


class TokenMadeSerializer(TokenSerializer):
    """A token with its text, which is shown only here."""

    token = serializers.SerializerMethodField()

    class Meta(TokenSerializer.Meta):
        fields = (*TokenSerializer.Meta.fields, "token")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]

    def get_token(self, token: Token) -> str:
        """The token itself: keep it, it is not shown again."""
        return str(self.context["text"])


class TokenBody(StrictSerializer):
    """A token to make for oneself."""

    name = serializers.CharField(max_length=120)
    role = serializers.CharField(
        max_length=32, required=False, help_text="At most the caller's own role, which is the default."
    )
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=[(p.value, p.value) for p in Permission]),
        required=False,
        max_length=len(Permission),
        help_text="Cuts the role down to these permissions; all of the role's where absent.",
    )
    expires_in = serializers.IntegerField(
        required=False,
        min_value=60,
        max_value=int(timedelta(days=366).total_seconds()),
        help_text="Seconds until it expires, 90 days unless told.",
    )


class TokenQuery(PageQuery):
    """Which tokens to list."""

    all = serializers.BooleanField(
        required=False, default=False, help_text="Everybody's tokens; needs the permission token.manage."
    )
