"""The project's account and its links."""

from typing import Any

from rest_framework import serializers

from accounts.links import LONGEST_DAYS, PERMISSIONS
from accounts.models import Account, TrustLink
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
            "namespace",
            "request_note",
            "created_at",
            "changed_at",
            "expires_at",
            "ends_at",
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


class QuotaBody(StrictSerializer):
    """The most that the borrower may use there."""

    cpu = serializers.FloatField(required=False, min_value=0.01, max_value=100_000, help_text="Cores.")
    memory_gib = serializers.IntegerField(required=False, min_value=1, max_value=10_000_000)
    gpu = serializers.IntegerField(required=False, min_value=0, max_value=100_000)


class TermsBody(StrictSerializer):
    """What is lent."""

    note = serializers.CharField(
        required=False, max_length=500, allow_blank=True, help_text="The terms, in words."
    )
    namespace = serializers.CharField(
        required=False,
        max_length=63,
        help_text="A namespace, or a pattern in which `*` stands for the borrower.",
    )
    quota = QuotaBody(required=False)
    permissions = serializers.ListField(
        child=serializers.ChoiceField(choices=PERMISSIONS), required=False, max_length=len(PERMISSIONS)
    )
    credentials = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=20,
        help_text="The lender's credentials that leases may be taken of.",
    )
    days = serializers.IntegerField(
        required=False, min_value=1, max_value=LONGEST_DAYS, help_text="Days from approval to the link's end."
    )


class InvitationBody(StrictSerializer):
    """An offer to lend."""

    terms = TermsBody(required=False)
    expires_in = serializers.IntegerField(
        required=False,
        min_value=300,
        max_value=30 * 24 * 3600,
        default=7 * 24 * 3600,
        help_text="Seconds until the code stops working, a week unless told.",
    )


class ApprovalBody(StrictSerializer):
    """Other terms than those of the offer; needed for a request that had none. `reason`: why, from who asked
    themselves where nobody else could decide.
    """

    terms = TermsBody(required=False)
    reason = serializers.CharField(required=False, max_length=500, allow_blank=True, default="")


class LinkReasonBody(StrictSerializer):
    """Why; both sides see it in their audit logs."""

    reason = serializers.CharField(required=False, max_length=500, allow_blank=True, default="")


class ClaimBody(StrictSerializer):
    """The code of an offer."""

    code = serializers.CharField(max_length=100)


class LinkRequestBody(ClaimBody):
    """The code by which a trusted account takes requests, and what is asked for."""

    note = serializers.CharField(required=False, max_length=500, allow_blank=True, default="")


class LendingCodeSerializer(serializers.Serializer[Any]):
    """The code for requests, shown only here."""

    code = serializers.CharField()


class LeaseCheckBody(StrictSerializer):
    """Which of the offered credentials to try."""

    credential = serializers.UUIDField()


class AccountSerializer(serializers.ModelSerializer[Account]):
    """The account behind the project."""

    class Meta:
        model = Account
        fields = ("id", "name", "kind", "state", "start", "created_at")
        read_only_fields = fields


class AccountStartBody(StrictSerializer):
    """Where the account's credentials come from."""

    start = serializers.ChoiceField(choices=Account.Start.choices)
