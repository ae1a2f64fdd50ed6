"""What the dataset API takes and gives. Addresses need the project's slug as `slug` in the context."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from projects.doors.strict import PageQuery, QuerySerializer, StrictSerializer
from registry.datasets.addresses import file_api, upload_api
from registry.datasets.names import NAME
from registry.models import Dataset, DatasetFile, DatasetUpload, DatasetVersion

_SHA256 = r"^[0-9a-f]{64}$"


class DatasetVersionSerializer(serializers.ModelSerializer[DatasetVersion]):
    """A version. Sealing sets `content_hash`, `size`, `file_count`; its profile sets `rows` and `columns`."""

    dataset = serializers.CharField(source="dataset.name", read_only=True)
    rows = serializers.SerializerMethodField()
    columns = serializers.SerializerMethodField()

    class Meta:
        model = DatasetVersion
        fields = (
            "dataset",
            "number",
            "state",
            "note",
            "content_hash",
            "size",
            "file_count",
            "rows",
            "columns",
            "created_by_label",
            "created_at",
            "sealed_at",
        )
        read_only_fields = fields

    def get_rows(self, version: DatasetVersion) -> int | None:
        """Rows of all its tables, once profiled."""
        return getattr(version, "rows", None)

    def get_columns(self, version: DatasetVersion) -> int | None:
        """Columns of its widest table, once profiled."""
        return getattr(version, "columns", None)


class SealedVersionSerializer(DatasetVersionSerializer):
    """A sealed version; `identical` says that an earlier version has this very content and was kept."""

    identical = serializers.SerializerMethodField()

    class Meta(DatasetVersionSerializer.Meta):
        fields = (*DatasetVersionSerializer.Meta.fields, "identical")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]

    def get_identical(self, version: DatasetVersion) -> bool:
        """Whether nothing new was stored."""
        return bool(self.context.get("identical"))


class DatasetSerializer(serializers.ModelSerializer[Dataset]):
    """A dataset and its newest sealed version, or null before there is one."""

    latest = serializers.SerializerMethodField()

    class Meta:
        model = Dataset
        fields = (
            "name",
            "description",
            "format",
            "sensitivity",
            "created_by_label",
            "created_at",
            "deleted_at",
            "latest",
        )
        read_only_fields = fields

    @extend_schema_field(DatasetVersionSerializer(allow_null=True))
    def get_latest(self, dataset: Dataset) -> dict[str, Any] | None:
        """The newest sealed version."""
        latest = getattr(dataset, "latest", None)
        return dict(DatasetVersionSerializer(latest).data) if latest is not None else None


class DatasetBody(StrictSerializer):
    """A new dataset."""

    name = serializers.RegexField(f"^{NAME}$", max_length=63)
    description = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")
    format = serializers.ChoiceField(Dataset.Format.choices, required=False, allow_blank=True, default="")


class DatasetVersionBody(StrictSerializer):
    """A new version."""

    note = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class DatasetUploadBody(StrictSerializer):
    """A file to come: where it goes; where known, its size in bytes and its SHA-256 in hex, to be held to."""

    path = serializers.CharField(max_length=1024, trim_whitespace=False)
    size = serializers.IntegerField(min_value=0, max_value=2**63 - 1, required=False)
    sha256 = serializers.RegexField(_SHA256, required=False)


class DatasetSealBody(StrictSerializer):
    """Nothing to say."""


class DatasetFileSerializer(serializers.ModelSerializer[DatasetFile]):
    """A file of a version; `url` is where its bytes are read."""

    url = serializers.SerializerMethodField()

    class Meta:
        model = DatasetFile
        fields = ("path", "size", "sha256", "url", "created_at")
        read_only_fields = fields

    def get_url(self, file: DatasetFile) -> str:
        """The path to GET, with Range if wanted."""
        return file_api(self.context["slug"], file)


class DatasetUploadSerializer(serializers.ModelSerializer[DatasetUpload]):
    """An unfinished upload; `url` is where its bytes go, `offset` the next byte that is wanted there."""

    size = serializers.IntegerField(source="declared_size", read_only=True, allow_null=True)
    url = serializers.SerializerMethodField()

    class Meta:
        model = DatasetUpload
        fields = ("id", "path", "size", "offset", "url", "created_by_label", "created_at", "expires_at")
        read_only_fields = fields

    def get_url(self, upload: DatasetUpload) -> str:
        """The path to PUT to, with `Upload-Offset`."""
        return upload_api(self.context["slug"], upload)


class TableColumnSerializer(serializers.Serializer[Any]):
    """A column: its inferred or stated type, and in how many rows it has no value."""

    name = serializers.CharField(allow_blank=True)
    type = serializers.CharField()
    missing = serializers.IntegerField()


class TableProfileSerializer(serializers.Serializer[Any]):
    """A table's shape. `state` is pending, ready or failed; `problem` says why it failed."""

    path = serializers.CharField()
    state = serializers.CharField()
    problem = serializers.CharField(allow_blank=True)
    rows = serializers.IntegerField(allow_null=True)
    columns = TableColumnSerializer(many=True)


class TablePreviewColumnSerializer(TableColumnSerializer):
    """A column with its least and greatest value: a number, a text, a truth value or null."""

    min = serializers.JSONField(allow_null=True)
    max = serializers.JSONField(allow_null=True)


class TablePreviewSerializer(serializers.Serializer[Any]):
    """A table's first rows, cell by cell, and its columns with their extremes."""

    path = serializers.CharField()
    rows = serializers.IntegerField()
    columns = TablePreviewColumnSerializer(many=True)
    sample = serializers.ListField(child=serializers.ListField(child=serializers.JSONField(allow_null=True)))


class DatasetQuery(PageQuery):
    """The list of datasets."""

    search = serializers.CharField(
        required=False, max_length=100, help_text="Part of the name or the description."
    )


class TableQuery(QuerySerializer):
    """Which table of a version."""

    path = serializers.CharField(
        required=False, max_length=1024, help_text="A file of the version; its first table unless told."
    )
