"""Credentials and links of the project's account."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.credentials import SECRETS
from accounts.models import Credential, TrustLink
from projects.doors.strict import StrictSerializer


class CredentialSerializer(serializers.ModelSerializer[Credential]):
    """A credential without its secret, which no answer ever holds."""

    class Meta:
        model = Credential
        fields = ("id", "name", "kind", "created_by_label", "created_at", "updated_at", "last_used_at")
        read_only_fields = fields


@extend_schema_field({"oneOf": [model.model_json_schema() for model in SECRETS.values()]})
class SecretField(serializers.JSONField):
    """The parts of a secret, which depend on the credential's kind. Write-only."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(write_only=True, **kwargs)


class CredentialReplacement(StrictSerializer):
    """A new secret in place of the one before."""

    secret = SecretField()


class CredentialBody(CredentialReplacement):
    """A credential to keep."""

    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(choices=Credential.Kind.choices)


class LinkSerializer(serializers.ModelSerializer[TrustLink]):
    """A link as both its parties see it: each other's name, the terms, the state."""

    side = serializers.SerializerMethodField()
    lender = serializers.CharField(source="lender_label", read_only=True)
    borrower = serializers.CharField(source="borrower_label", read_only=True)
    terms = serializers.DictField(read_only=True)

    class Meta:
        model = TrustLink
        fields = (
            "id",
            "side",
            "lender",
            "borrower",
            "state",
            "terms",
            "created_at",
            "changed_at",
            "expires_at",
        )
        read_only_fields = fields

    def get_side(self, link: TrustLink) -> str:
        """`lender` or `borrower`: which of the two this project's account is."""
        return "lender" if link.lender_id == self.context["grant"].account_id else "borrower"


class LinkInvitedSerializer(LinkSerializer):
    """A link just offered, with the code that claims it, which is shown only here."""

    code = serializers.SerializerMethodField()

    class Meta(LinkSerializer.Meta):
        fields = (*LinkSerializer.Meta.fields, "code")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]

    def get_code(self, link: TrustLink) -> str:
        """Give it to the other account: it is not shown again."""
        return str(self.context["code"])


class InvitationBody(StrictSerializer):
    """An offer to lend."""

    note = serializers.CharField(
        required=False, max_length=500, allow_blank=True, default="", help_text="The terms, in words."
    )
    expires_in = serializers.IntegerField(
        required=False,
        min_value=300,
        max_value=30 * 24 * 3600,
        default=7 * 24 * 3600,
        help_text="Seconds until the code stops working, a week unless told.",
    )


class ClaimBody(StrictSerializer):
    """The code of an offer."""

    code = serializers.CharField(max_length=100)


class LinkClaimedSerializer(serializers.Serializer[Any]):
    """A link that waits for its lender's approval."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=TrustLink.State.choices)
