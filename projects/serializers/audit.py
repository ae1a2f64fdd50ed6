"""Audit events as the API shows them."""

from typing import Any

from rest_framework import serializers

from accounts.models import AuditEvent, Outcome
from projects.audit_history import History, Tally, changes_of
from projects.audit_log import PERIODS, PLATFORM_ITSELF
from projects.doors.strict import PageQuery, QuerySerializer


class AuditEventSerializer(serializers.ModelSerializer[AuditEvent]):
    """One record."""

    actor = serializers.SerializerMethodField()
    target = serializers.SerializerMethodField()
    detail = serializers.DictField(read_only=True)
    changes = serializers.SerializerMethodField()

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
            "changes",
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

    def get_changes(self, event: AuditEvent) -> list[dict[str, Any]]:
        """What was changed, as far as the detail says it: a field's name (or none), before and after."""
        return [
            {"name": change.name, "before": change.before, "after": change.after}
            for change in changes_of(event)
        ]


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


class PeriodQuery(QuerySerializer):
    """When: a period that ends now, or moments. `since` goes before `period`."""

    period = serializers.ChoiceField(
        choices=list(PERIODS), required=False, help_text="A period that ends now, where `since` is not given."
    )
    since = serializers.DateTimeField(required=False, help_text="From this moment on.")
    until = serializers.DateTimeField(required=False, help_text="Before this moment.")
    outcome = serializers.ChoiceField(choices=Outcome.choices, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The period must not be empty."""
        since, until = attrs.get("since"), attrs.get("until")
        if since and until and since >= until:
            raise serializers.ValidationError({"until": ["`until` must lie after `since`."]})
        return attrs


_ACCOUNT = rf"\A({PLATFORM_ITSELF}|[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})\Z"


class PlatformPeriodQuery(PeriodQuery):
    """When, and in which account."""

    account = serializers.RegexField(
        _ACCOUNT,
        required=False,
        help_text=f"An account's id, or `{PLATFORM_ITSELF}` for what belongs to no account.",
    )


class AuditFilters(PeriodQuery):
    """Which records."""

    q = serializers.CharField(
        required=False, max_length=120, help_text="Looked for in actor, action and target's label."
    )
    actor = serializers.CharField(
        required=False, max_length=160, help_text="An actor's id or label, or a person acted for."
    )
    on_behalf_of = serializers.CharField(
        required=False, max_length=160, help_text="The person behind a token, a run or a task."
    )
    person = serializers.CharField(
        required=False,
        max_length=160,
        help_text="A person's id or name: all they did, themselves and through tokens, runs and tasks.",
    )
    action = serializers.CharField(
        required=False, max_length=64, help_text="A whole action, or with a final dot or star its beginning."
    )
    target = serializers.CharField(
        required=False, max_length=255, help_text="A target's id or part of its label, or `type:id`."
    )
    target_type = serializers.CharField(required=False, max_length=64, help_text="The kind of target.")
    thing = serializers.RegexField(
        r"\A[^:]{1,64}:(?s:.{1,255})\Z", required=False, help_text="Exactly this target, as `type:id`."
    )
    via = serializers.CharField(
        required=False, max_length=16, help_text="How it came in: page, api, gateway, task, command."
    )
    ip = serializers.CharField(
        required=False,
        max_length=45,
        help_text="An address, or with a final dot, colon or star its beginning.",
    )


class AuditQuery(AuditFilters, PageQuery):
    """Which records to list."""


class PlatformAuditQuery(AuditQuery, PlatformPeriodQuery):
    """Which records of all accounts to list."""


class TallySerializer(serializers.Serializer[Tally]):
    """How often, and from when to when, one person, thing, action or address occurs."""

    key = serializers.CharField(read_only=True, help_text="What the filters and addresses call it.")
    label = serializers.CharField(read_only=True)  # type: ignore[assignment]
    kind = serializers.CharField(read_only=True)
    on_behalf_of = serializers.CharField(read_only=True, source="behalf")
    count = serializers.IntegerField(read_only=True)
    first_at = serializers.DateTimeField(read_only=True)
    last_at = serializers.DateTimeField(read_only=True)


class HistorySerializer(serializers.Serializer[History]):
    """One thing's or one person's records, summed up; the lists hold the most frequent."""

    count = serializers.IntegerField(read_only=True)
    refused = serializers.IntegerField(read_only=True, help_text="How many were denied or failed.")
    first_at = serializers.DateTimeField(read_only=True, allow_null=True)
    last_at = serializers.DateTimeField(read_only=True, allow_null=True)
    labels = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="What it has been called."
    )
    people = TallySerializer(many=True, read_only=True)
    things = TallySerializer(many=True, read_only=True)
    actions = TallySerializer(many=True, read_only=True)
    addresses = TallySerializer(many=True, read_only=True)
    events_url = serializers.SerializerMethodField(help_text="The records themselves, newest first.")

    def get_events_url(self, history: History) -> str:
        """Where the records themselves are."""
        return str(self.context["events_url"])
