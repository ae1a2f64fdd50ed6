"""Who could reach what, as the API shows it."""

from typing import Any

from rest_framework import serializers

from accounts.models import AuditEvent
from projects.access_report.replay import KIND_OF, STEPS
from projects.access_report.report import Report, Row, Standing
from projects.doors.strict import QuerySerializer

CHANGES = ("came", "left", "changed", "same")


class ReportQuery(QuerySerializer):
    """Which days, in UTC; both belong to it. The last 31 unless told."""

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python."""
        return {
            "from": serializers.DateField(required=False, help_text="The first day."),
            "to": serializers.DateField(required=False, help_text="The last day; today where it lies ahead."),
        }


class ReportFileQuery(ReportQuery):
    """Which days, and as what."""

    def get_fields(self) -> dict[str, Any]:
        """The period's, and the format."""
        format = serializers.ChoiceField(choices=("json", "csv"), required=False, default="json")
        return {**super().get_fields(), "format": format}


class ReachAtSerializer(serializers.Serializer[Any]):
    """What one person could reach at a moment."""

    role = serializers.CharField(read_only=True)
    until = serializers.DateTimeField(read_only=True, allow_null=True)
    permissions = serializers.ListField(child=serializers.CharField(), read_only=True)
    granted = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Those beyond the role's, for a time."
    )
    datasets = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Confidential and restricted ones."
    )
    tokens = serializers.ListField(child=serializers.CharField(), read_only=True)


class RowSerializer(serializers.Serializer[Row]):
    """One person at both ends; null where they could reach nothing."""

    person = serializers.CharField(read_only=True)
    change = serializers.ChoiceField(choices=CHANGES, read_only=True)
    start = ReachAtSerializer(read_only=True, allow_null=True)
    end = ReachAtSerializer(read_only=True, allow_null=True)


class StandingSerializer(serializers.Serializer[Standing]):
    """What else stood at both ends; empty where it was not there."""

    kind = serializers.ChoiceField(choices=tuple(STEPS), read_only=True)
    name = serializers.CharField(read_only=True)
    start = serializers.CharField(read_only=True)
    end = serializers.CharField(read_only=True)


class ChangeSerializer(serializers.Serializer[AuditEvent]):
    """One change, as the log has it."""

    id = serializers.UUIDField(read_only=True)
    at = serializers.DateTimeField(read_only=True)
    kind = serializers.SerializerMethodField()
    who = serializers.CharField(read_only=True)
    action = serializers.CharField(read_only=True)
    thing = serializers.CharField(read_only=True, source="target_label")
    detail = serializers.DictField(read_only=True)

    def get_kind(self, event: AuditEvent) -> str:
        """What kind of change."""
        return KIND_OF[event.action]


class ReportSerializer(serializers.Serializer[Report]):
    """Who could reach what at the start and at the end, and every change between, rebuilt from the log."""

    account = serializers.UUIDField(read_only=True, source="account_id")
    first = serializers.DateField(read_only=True)
    last = serializers.DateField(read_only=True)
    made_at = serializers.DateTimeField(read_only=True)
    complete = serializers.BooleanField(
        read_only=True,
        help_text="Whether the log reaches back to the account's opening; else both ends may lack what is older.",
    )
    begins_at = serializers.DateTimeField(read_only=True, allow_null=True, help_text="The oldest record.")
    disposed_until = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="Older records were disposed of by retention."
    )
    account_at_start = serializers.CharField(read_only=True, source="start.account")
    account_at_end = serializers.CharField(read_only=True, source="end.account")
    people = RowSerializer(many=True, read_only=True)
    standing = StandingSerializer(many=True, read_only=True)
    counts = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    changes = ChangeSerializer(many=True, read_only=True)
