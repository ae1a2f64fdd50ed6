"""Operations as the API shows them."""

from typing import Any

from rest_framework import serializers

from projects.doors.strict import PageQuery, QuerySerializer
from projects.models import Operation, State


class OperationSerializer(serializers.ModelSerializer[Operation]):
    """A unit of work: what it is about, where it stands, how it ended. Its payload stays inside."""

    state = serializers.ChoiceField(source="shown_state", choices=State.choices, read_only=True)
    target = serializers.SerializerMethodField()
    actor = serializers.SerializerMethodField()
    cancel_requested = serializers.SerializerMethodField()
    log_url = serializers.SerializerMethodField()
    events_url = serializers.SerializerMethodField()

    class Meta:
        model = Operation
        fields = (
            "id",
            "kind",
            "target",
            "actor",
            "state",
            "stage",
            "progress",
            "error",
            "result",
            "failures",
            "cancel_requested",
            "created_at",
            "started_at",
            "finished_at",
            "log_url",
            "events_url",
        )
        read_only_fields = fields

    def get_target(self, operation: Operation) -> dict[str, str]:
        """`type`, `id` and `label` of the thing that is worked on."""
        return {
            "type": operation.target_type,
            "id": operation.target_id,
            "label": operation.target_label,
        }

    def get_actor(self, operation: Operation) -> dict[str, str]:
        """Who asked for it."""
        return {
            "kind": operation.actor_kind,
            "id": operation.actor_id,
            "label": operation.actor_label,
            "on_behalf_of": operation.on_behalf_of,
        }

    def get_cancel_requested(self, operation: Operation) -> bool:
        """Whether somebody has asked for it to stop."""
        return operation.cancel_requested_at is not None

    def _url(self, operation: Operation, what: str) -> str:
        return f"/api/v1/projects/{self.context['slug']}/operations/{operation.pk}/{what}"

    def get_log_url(self, operation: Operation) -> str:
        """Where its log is read."""
        return self._url(operation, "log")

    def get_events_url(self, operation: Operation) -> str:
        """Where it is followed, as server-sent events."""
        return self._url(operation, "events")


def described(operation: Operation, slug: str) -> dict[str, Any]:
    """Return an operation as the API shows it."""
    shown: dict[str, Any] = OperationSerializer(operation, context={"slug": slug}).data
    return shown


class OperationLogSerializer(serializers.Serializer[Any]):
    """The log from a place on, and the place to go on from."""

    text = serializers.CharField()
    last = serializers.IntegerField(help_text="Give it as `after` to read what comes next.")


class OperationQuery(PageQuery):
    """Which operations to list."""

    state = serializers.ChoiceField(choices=State.choices, required=False)
    kind = serializers.CharField(required=False, max_length=48, help_text="For example `training.run`.")
    target_type = serializers.CharField(required=False, max_length=64)
    target_id = serializers.CharField(required=False, max_length=255)


class LogQuery(QuerySerializer):
    """From where on to read a log."""

    after = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=2**31 - 1,
        default=0,
        help_text="`last` of the answer before, 0 for the beginning.",
    )
