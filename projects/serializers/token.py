"""API tokens, of projects and of the platform."""

from typing import Any

from rest_framework import serializers

from projects.actions.tokens import MAX_LIFETIME
from projects.doors.strict import PageQuery, StrictSerializer
from projects.models import PlatformToken, Token
from projects.networks import MAX_NETWORKS
from projects.permissions import PERMISSION_CHOICES, Permission

_SHARED = (
    "hint",
    "addresses",
    "usable",
    "created_at",
    "expires_at",
    "revoked_at",
    "last_used_at",
    "last_used_ip",
)


class AddressesField(serializers.ListField):
    """Networks that a token may be used from."""

    child = serializers.CharField()


class TokenSerializer(serializers.ModelSerializer[Token]):
    """A token without what makes it one. Its rows come from `projects.api.tokens.tokens_seen`."""

    username = serializers.CharField(
        source="user.username", read_only=True, allow_null=True, help_text="The person that it acts for."
    )
    robot = serializers.CharField(
        source="robot.name", read_only=True, allow_null=True, help_text="The robot that it acts for."
    )
    scopes = serializers.ListField(child=serializers.CharField(), read_only=True)
    usable = serializers.BooleanField(read_only=True)
    addresses = AddressesField(read_only=True)
    leaver = serializers.BooleanField(
        read_only=True, help_text="Whether its person has left the project; such a token opens nothing."
    )

    class Meta:
        model = Token
        fields = (
            "id",
            "name",
            "purpose",
            "username",
            "robot",
            "role",
            "scopes",
            "leaver",
            *_SHARED,
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


class NewTokenBody(StrictSerializer):
    """What every new token is told."""

    name = serializers.CharField(max_length=120)
    addresses = serializers.ListField(
        child=serializers.CharField(max_length=60),
        required=False,
        max_length=MAX_NETWORKS,
        help_text="Addresses and networks (CIDR) that it may be used from; from anywhere where absent.",
    )
    expires_in = serializers.IntegerField(
        required=False,
        min_value=60,
        max_value=int(MAX_LIFETIME.total_seconds()),
        help_text="Seconds until it expires, 90 days unless told.",
    )


class TokenBody(NewTokenBody):
    """A token to make for oneself."""

    role = serializers.CharField(
        max_length=32, required=False, help_text="At most the caller's own role, which is the default."
    )
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=PERMISSION_CHOICES),
        required=False,
        max_length=len(Permission),
        help_text="Cuts the role down to these permissions; all of the role's where absent.",
    )


class TokenQuery(PageQuery):
    """Which tokens to list."""

    all = serializers.BooleanField(
        required=False, default=False, help_text="Everybody's tokens; needs the permission token.manage."
    )
    leavers = serializers.BooleanField(
        required=False, default=False, help_text="Only those of people who have left; needs token.manage."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Leavers are among everybody."""
        return {**attrs, "all": attrs["all"] or attrs["leavers"]}


class PlatformTokenSerializer(serializers.ModelSerializer[PlatformToken]):
    """A platform token without what makes it one."""

    username = serializers.CharField(source="user.username", read_only=True)
    usable = serializers.BooleanField(read_only=True)
    addresses = AddressesField(read_only=True)

    class Meta:
        model = PlatformToken
        fields = ("id", "name", "username", "role", "read_only", *_SHARED)
        read_only_fields = fields


class PlatformTokenMadeSerializer(PlatformTokenSerializer):
    """A platform token with its text, which is shown only here."""

    token = serializers.SerializerMethodField()

    class Meta(PlatformTokenSerializer.Meta):
        fields = (*PlatformTokenSerializer.Meta.fields, "token")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]

    def get_token(self, token: PlatformToken) -> str:
        """The token itself: keep it, it is not shown again."""
        return str(self.context["text"])


class PlatformTokenBody(NewTokenBody):
    """A platform token to make for oneself."""

    read_only = serializers.BooleanField(  # type: ignore[assignment]  # a field's name, not the framework's option
        required=False, default=False, help_text="Whether it changes nothing."
    )


class PlatformTokenQuery(PageQuery):
    """Which platform tokens to list."""

    all = serializers.BooleanField(required=False, default=False, help_text="Everybody's, for an admin.")
