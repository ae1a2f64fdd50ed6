"""Audit events as the API shows them."""

from typing import Any

from rest_framework import serializers

from accounts.models import AuditEvent, Outcome
from projects.audit_log import PLATFORM_ITSELF
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


class PlatformAuditEventSerializer(AuditEventSerializer):
    """One record of any account's log, or of the platform's own; `context["names"]` maps accounts to their names."""

    account = serializers.UUIDField(source="account_id", read_only=True, allow_null=True)
    account_name = serializers.SerializerMethodField()

    class Meta(AuditEventSerializer.Meta):
        fields = (*AuditEventSerializer.Meta.fields, "account", "account_name")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]

    def get_account_name(self, event: AuditEvent) -> str:
        """The account's name now; empty for the platform's own records."""
        return str(self.context["names"].get(event.account_id, ""))


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


class PlatformAuditQuery(AuditQuery):
    """Which records of all accounts to list."""

    account = serializers.RegexField(
        rf"\A({PLATFORM_ITSELF}|[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})\Z",
        required=False,
        help_text=f"An account's id, or `{PLATFORM_ITSELF}` for what belongs to no account.",
    )
    q = serializers.CharField(
        required=False, max_length=120, help_text="Looked for in actor, action and target."
    )
