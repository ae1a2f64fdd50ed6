"""Links of the project's account."""

from typing import Any

from rest_framework import serializers

from accounts.models import TrustLink
from projects.doors.strict import StrictSerializer


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
