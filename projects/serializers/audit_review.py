"""Monthly reviews as the API shows them."""

from typing import Any

from rest_framework import serializers

from projects.actions.reviews import NOTE_LENGTH
from projects.audit_log import PLATFORM_ITSELF
from projects.doors.strict import StrictSerializer
from projects.models import AuditReview
from projects.reviews.findings import KINDS
from projects.reviews.matrix import STATES, Cell, Row
from projects.reviews.words import sentence


class MonthStateSerializer(serializers.Serializer[Cell]):
    """One month of one log."""

    month = serializers.CharField(read_only=True)
    state = serializers.ChoiceField(choices=STATES, read_only=True)
    due = serializers.DateField(read_only=True, help_text="The last day on which the sign-off is in time.")


class LogReviewsSerializer(serializers.Serializer[Row]):
    """One log's months, newest first."""

    log = serializers.CharField(read_only=True, help_text=f"An account's id, or `{PLATFORM_ITSELF}`.")
    name = serializers.CharField(read_only=True)
    months = MonthStateSerializer(many=True, read_only=True)


class MarkSerializer(serializers.Serializer[Any]):
    """What was said of a finding."""

    verdict = serializers.ChoiceField(choices=AuditReview.Verdict.choices, read_only=True)
    note = serializers.CharField(read_only=True)
    by = serializers.CharField(read_only=True)
    at = serializers.DateTimeField(read_only=True)


class FindingSerializer(serializers.Serializer[Any]):
    """Something worth a look."""

    key = serializers.CharField(read_only=True)
    kind = serializers.ChoiceField(choices=KINDS, read_only=True)
    about = serializers.CharField(read_only=True, help_text="Whom or what it is about.")
    facts = serializers.DictField(read_only=True)
    notable = serializers.BooleanField(read_only=True, help_text="Whether it stands out.")
    search = serializers.DictField(
        child=serializers.CharField(),
        read_only=True,
        help_text="Filters of the audit search that shows the evidence.",
    )
    text = serializers.SerializerMethodField(help_text="The finding in words.")
    mark = MarkSerializer(read_only=True, allow_null=True)

    def get_text(self, finding: dict[str, Any]) -> str:
        """The sentence of the page."""
        return sentence(finding)


class ReviewSerializer(serializers.Serializer[AuditReview]):
    """A month's review."""

    log = serializers.SerializerMethodField()
    month = serializers.CharField(read_only=True, source="label")
    state = serializers.ChoiceField(choices=AuditReview.State.choices, read_only=True)
    gathered_at = serializers.DateTimeField(read_only=True)
    gathered_by = serializers.CharField(read_only=True, source="gathered_by_label")
    open_findings = serializers.IntegerField(read_only=True, help_text="How many nobody has looked at.")
    needing_action = serializers.IntegerField(read_only=True)
    findings = FindingSerializer(many=True, read_only=True, source="marked")
    left_out = serializers.DictField(
        child=serializers.IntegerField(), read_only=True, help_text="How many more of a kind there were."
    )
    note = serializers.CharField(read_only=True)
    signed_at = serializers.DateTimeField(read_only=True, allow_null=True)
    signed_by = serializers.CharField(read_only=True, source="signed_by_label")
    sha256 = serializers.CharField(
        read_only=True, help_text="Of `content` as UTF-8; the sign-off's record holds it."
    )
    content = serializers.CharField(read_only=True, help_text="The text that was signed off.")

    def get_log(self, review: AuditReview) -> str:
        """Whose log: an account's id, or the platform's own."""
        return str(review.account_id or PLATFORM_ITSELF)


class MarkBody(StrictSerializer):
    """What is said of some findings."""

    keys = serializers.ListField(child=serializers.CharField(max_length=300), min_length=1, max_length=2500)
    verdict = serializers.ChoiceField(choices=AuditReview.Verdict.choices)
    note = serializers.CharField(
        max_length=NOTE_LENGTH,
        required=False,
        allow_blank=True,
        default="",
        help_text="Needed with `action`.",
    )


class SignBody(StrictSerializer):
    """What the review came to."""

    note = serializers.CharField(max_length=NOTE_LENGTH)
