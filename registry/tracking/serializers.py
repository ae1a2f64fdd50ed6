"""What the API says of MLflow's things. All of it is read from MLflow; nothing is kept beside it."""

from typing import Any

from rest_framework import serializers

from projects.doors.strict import QuerySerializer, StrictSerializer

Read = serializers.Serializer[Any]


class ExperimentSerializer(Read):
    """A named set of runs."""

    id = serializers.CharField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField(allow_null=True)
    tags = serializers.DictField(child=serializers.CharField())


class FiniteFloat(serializers.FloatField):
    """JSON has no infinities and no NaN: they are null."""

    def to_representation(self, value: Any) -> float | None:  # type: ignore[override]
        number = float(value)
        return number if number - number == 0 else None


class MetricSerializer(Read):
    """One logged value; null where it was not a finite number."""

    key = serializers.CharField()
    value = FiniteFloat(allow_null=True)
    step = serializers.IntegerField()
    at = serializers.DateTimeField(allow_null=True)


class RunSerializer(Read):
    """One run: its parameters, the last value of each metric, its tags."""

    id = serializers.CharField()
    experiment_id = serializers.CharField()
    name = serializers.CharField()
    status = serializers.CharField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    params = serializers.DictField(child=serializers.CharField())
    metrics = serializers.DictField(child=MetricSerializer())
    tags = serializers.DictField(child=serializers.CharField())
    model_ids = serializers.ListField(child=serializers.CharField())


class ArtifactSerializer(Read):
    """A file or folder; `size` in bytes."""

    path = serializers.CharField()
    is_dir = serializers.BooleanField()
    size = serializers.IntegerField()


class VersionSerializer(Read):
    """One version of a registered model."""

    name = serializers.CharField()
    version = serializers.IntegerField()
    run_id = serializers.CharField()
    model_id = serializers.CharField()
    status = serializers.CharField()
    description = serializers.CharField()
    created_at = serializers.DateTimeField(allow_null=True)
    aliases = serializers.ListField(child=serializers.CharField())
    tags = serializers.DictField(child=serializers.CharField())


class ModelSerializer(Read):
    """A registered model; `aliases` maps each alias to a version's number."""

    name = serializers.CharField()
    description = serializers.CharField()
    created_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField(allow_null=True)
    aliases = serializers.DictField(child=serializers.IntegerField())
    tags = serializers.DictField(child=serializers.CharField())


class RegisterSerializer(StrictSerializer):
    """Register what a run logged; `model_id` chooses where it logged several models."""

    run_id = serializers.RegexField(r"^[0-9a-f]{32}$")
    model_id = serializers.RegexField(r"^m-[0-9a-f]{32}$", required=False, allow_blank=True, default="")
    description = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")


class AliasSerializer(StrictSerializer):
    """Where an alias points."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class CursorQuery(QuerySerializer):
    """MLflow pages by a token of its own."""

    cursor = serializers.CharField(
        required=False, max_length=2000, default="", help_text="`next` of another page."
    )
    page_size = serializers.IntegerField(required=False, min_value=1, max_value=200, default=50)


class RunQuery(CursorQuery):
    """Which runs, in MLflow's filter language (`metrics.f1 > 0.7 and params.alpha = '0.4'`)."""

    filter = serializers.CharField(required=False, max_length=2000, default="")
    order_by = serializers.CharField(required=False, max_length=200, default="attributes.start_time DESC")


class FolderQuery(QuerySerializer):
    """Which folder."""

    path = serializers.CharField(required=False, max_length=1000, allow_blank=True, default="")
