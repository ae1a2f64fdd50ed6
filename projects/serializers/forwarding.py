"""Targets that the audit log is forwarded to."""

from typing import Any

from rest_framework import serializers

from projects.doors.strict import StrictSerializer
from projects.models import AuditForward, ForwardTarget, PlatformForward

_FIELDS = (
    "id",
    "name",
    "kind",
    "address",
    "authority",
    "events",
    "receipts",
    "receipt_at",
    "receipt_sent_at",
    "state",
    "condition",
    "waiting",
    "oldest_at",
    "delivered_at",
    "failures",
    "failing_since",
    "next_at",
    "problem",
    "test_asked_at",
    "tested_at",
    "test_problem",
    "created_at",
    "created_by_label",
)
CONDITIONS = ["active", "failing", "paused"]


class AuditForwardSerializer(serializers.ModelSerializer[AuditForward]):
    """A target and where it stands. The secret is never shown."""

    condition = serializers.ChoiceField(choices=CONDITIONS, read_only=True)
    waiting = serializers.IntegerField(
        read_only=True, help_text="Sealed events that it has not acknowledged."
    )
    oldest_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="When the first of them happened."
    )
    last_index = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Index of the last event that was acknowledged."
    )

    class Meta:
        model = AuditForward
        fields = (*_FIELDS, "last_index")
        read_only_fields = fields


class PlatformForwardSerializer(serializers.ModelSerializer[PlatformForward]):
    """A target of the platform and where it stands. The secret is never shown."""

    condition = serializers.ChoiceField(choices=CONDITIONS, read_only=True)

    class Meta:
        model = PlatformForward
        fields = (*_FIELDS, "every_log")
        read_only_fields = fields


class AuditForwardBody(StrictSerializer):
    """A target to add."""

    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(choices=ForwardTarget.Kind.choices)
    address = serializers.CharField(
        max_length=2048, help_text="A URL, host:port for syslog, or mail addresses with commas between them."
    )
    secret = serializers.CharField(
        max_length=1024,
        required=False,
        allow_blank=True,
        write_only=True,
        trim_whitespace=False,
        help_text="Signs what a webhook is posted: 16 characters or more.",
    )
    authority = serializers.CharField(
        max_length=65_536,
        required=False,
        allow_blank=True,
        help_text="Certificates in PEM to check TLS against.",
    )
    events = serializers.BooleanField(required=False, default=True)
    receipts = serializers.ChoiceField(
        choices=ForwardTarget.Every.choices, required=False, default=ForwardTarget.Every.NEVER
    )
    begin = serializers.ChoiceField(
        choices=ForwardTarget.Begin.choices, required=False, default=ForwardTarget.Begin.NOW
    )


class AuditForwardChange(StrictSerializer):
    """What of a target can be changed; what is not named stays, and so does how far it has the log."""

    name = serializers.CharField(max_length=120, required=False)
    address = serializers.CharField(
        max_length=2048,
        required=False,
        help_text="Of the kind that the target is. What waits goes to the new one.",
    )
    secret = serializers.CharField(
        max_length=1024,
        required=False,
        write_only=True,
        trim_whitespace=False,
        help_text="A new one, of 16 characters or more, for a webhook.",
    )
    authority = serializers.CharField(
        max_length=65_536,
        required=False,
        allow_blank=True,
        help_text="Certificates in PEM to check TLS against; empty for the public ones.",
    )
    state = serializers.ChoiceField(
        choices=ForwardTarget.State.choices, required=False, help_text="Pauses or resumes it."
    )


class PlatformForwardBody(AuditForwardBody):
    """A target of the platform to add."""

    every_log = serializers.BooleanField(
        required=False, default=False, help_text="Every account's log too, not the platform's alone."
    )


__all__: list[Any] = [
    "AuditForwardBody",
    "AuditForwardChange",
    "AuditForwardSerializer",
    "PlatformForwardBody",
    "PlatformForwardSerializer",
]
