"""Audit events as the API shows them."""

from typing import Any

from rest_framework import serializers

from accounts.models import AuditEvent, Outcome
from projects.doors.strict import PageQuery


class AuditEventSerializer(serializers.ModelSerializer[AuditEvent]):
    """One record."""

    actor = serializers.SerializerMethodField()
    target = serializers.SerializerMethodField()
    detail = serializers.DictField(read_only=True)

    class Meta:
        model = AuditEvent
        fields = (
            "id",
            "at",
            "actor",
            "action",
            "target",
            "outcome",
            "via",
            "ip",
            "user_agent",
            "request_id",
            "detail",
        )
        read_only_fields = fields

    def get_actor(self, event: AuditEvent) -> dict[str, str]:
        """Who did it, and on whose behalf."""
        return {
            "kind": event.actor_kind,
            "id": event.actor_id,
            "label": event.actor_label,
            "on_behalf_of": event.on_behalf_of,
        }

    def get_target(self, event: AuditEvent) -> dict[str, str]:
        """What it was done to, as it was called then."""
        return {"type": event.target_type, "id": event.target_id, "label": event.target_label}


class AuditQuery(PageQuery):
    """Which records to list."""

    actor = serializers.CharField(
        required=False, max_length=160, help_text="An actor's id or label, or a person acted for."
    )
    action = serializers.CharField(
        required=False, max_length=64, help_text="A whole action, or with a final dot or star its beginning."
    )
    target = serializers.CharField(
        required=False, max_length=255, help_text="A target's id or label, or `type:id`."
    )
    outcome = serializers.ChoiceField(choices=Outcome.choices, required=False)
    since = serializers.DateTimeField(required=False, help_text="From this moment on.")
    until = serializers.DateTimeField(required=False, help_text="Before this moment.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The period must not be empty."""
        since, until = attrs.get("since"), attrs.get("until")
        if since and until and since >= until:
            raise serializers.ValidationError({"until": ["`until` must lie after `since`."]})
        return attrs
