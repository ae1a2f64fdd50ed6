"""What the training API takes and gives."""

from typing import Any

from rest_framework import serializers

from projects.doors.strict import StrictSerializer
from registry.models import TrainingJob, TrainingProject, TrainingSource
from registry.models.training import NAME
from registry.training.newest import newest_of


class SourceSerializer(serializers.ModelSerializer[TrainingSource]):
    """One immutable snapshot of a training project's code."""

    sha256 = serializers.CharField(source="content.sha256", read_only=True)

    class Meta:
        model = TrainingSource
        fields = (
            "number",
            "kind",
            "git_url",
            "commit",
            "entry_points",
            "python",
            "requirements",
            "size",
            "sha256",
            "created_by_label",
            "created_at",
        )
        read_only_fields = fields


class TrainingProjectSerializer(StrictSerializer):
    """A training project and its newest source."""

    name = serializers.CharField(max_length=63, validators=[NAME])
    description = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")
    created_by_label = serializers.CharField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    source = serializers.SerializerMethodField()  # type: ignore[assignment]  # a field called like DRF's own attribute

    def get_source(self, project: TrainingProject) -> dict[str, Any] | None:
        """The newest source, or null."""
        newest = newest_of(project)
        return SourceSerializer(newest).data if newest is not None else None


class GitSourceSerializer(StrictSerializer):
    """A commit of a git repository; `ref` is a branch, a tag or a full commit, and is pinned to a commit."""

    url = serializers.CharField(max_length=500)
    ref = serializers.CharField(max_length=200)
    subfolder = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class LimitsSerializer(StrictSerializer):
    """What one job may use: CPUs, bytes of memory, seconds."""

    cpus = serializers.IntegerField(min_value=1, max_value=64, required=False)
    memory = serializers.IntegerField(min_value=64 << 20, max_value=256 << 30, required=False)
    seconds = serializers.IntegerField(min_value=10, max_value=7 * 24 * 3600, required=False)


class LaunchSerializer(StrictSerializer):
    """A launch: which project and entry point, with which parameters, on which data."""

    project = serializers.CharField(max_length=63)
    entry_point = serializers.CharField(max_length=120, required=False, default="main")
    parameters = serializers.DictField(
        child=serializers.CharField(max_length=4096, allow_blank=True, trim_whitespace=False), required=False
    )
    inputs = serializers.DictField(child=serializers.CharField(max_length=200), required=False)
    experiment = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    register_as = serializers.CharField(max_length=63, required=False, allow_blank=True, default="")
    source = serializers.IntegerField(  # type: ignore[assignment]  # a field called like DRF's own attribute
        min_value=1, max_value=2**31 - 1, required=False, allow_null=True, default=None
    )
    limits = LimitsSerializer(required=False)


class JobSerializer(serializers.ModelSerializer[TrainingJob]):
    """A training job, with its operation's state."""

    project = serializers.CharField(source="source.project.name", read_only=True)
    source = serializers.IntegerField(source="source.number", read_only=True)  # type: ignore[assignment]  # a field called like DRF's own attribute
    state = serializers.CharField(source="operation.shown_state", read_only=True)
    stage = serializers.CharField(source="operation.stage", read_only=True)
    progress = serializers.FloatField(source="operation.progress", read_only=True, allow_null=True)
    error = serializers.CharField(source="operation.error", read_only=True)
    result = serializers.JSONField(source="operation.result", read_only=True)
    operation = serializers.UUIDField(source="operation_id", read_only=True)
    started_at = serializers.DateTimeField(source="operation.started_at", read_only=True, allow_null=True)
    finished_at = serializers.DateTimeField(source="operation.finished_at", read_only=True, allow_null=True)

    class Meta:
        model = TrainingJob
        fields = (
            "number",
            "project",
            "source",
            "entry_point",
            "parameters",
            "inputs",
            "experiment_name",
            "register_as",
            "limits",
            "state",
            "stage",
            "progress",
            "error",
            "result",
            "operation",
            "run_id",
            "experiment_id",
            "retry_of",
            "created_by_label",
            "created_at",
            "started_at",
            "finished_at",
        )
        read_only_fields = fields


class FetchSerializer(serializers.Serializer[Any]):
    """The operation that fetches a source from git."""

    operation = serializers.UUIDField()
    state = serializers.CharField()
