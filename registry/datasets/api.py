"""The dataset API. Bytes go through `transfers`, in front of Django."""

from typing import Any, ClassVar

from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.problems import CONTENT_TYPE
from projects.doors.api import ProjectViewSet
from projects.doors.strict import PageQuery, QuerySerializer
from registry.datasets import actions
from registry.datasets.find import find_dataset, find_version
from registry.datasets.names import NAME
from registry.datasets.sensitivity import require_access, visible
from registry.datasets.serializers import (
    DatasetBody,
    DatasetFileSerializer,
    DatasetQuery,
    DatasetSealBody,
    DatasetSerializer,
    DatasetUploadBody,
    DatasetUploadSerializer,
    DatasetVersionBody,
    DatasetVersionSerializer,
    SealedVersionSerializer,
    TablePreviewSerializer,
    TableProfileSerializer,
    TableQuery,
)
from registry.datasets.summaries import find_table, with_latest, with_shape
from registry.models import Dataset, DatasetFile, DatasetUpload, DatasetVersion

# A table that cannot be looked into yet, or at all.
_UNFIT: dict[Any, Any] = {
    (status, CONTENT_TYPE): {"$ref": "#/components/schemas/Problem"} for status in (409, 422)
}


class DatasetViewSet(ProjectViewSet):
    """Datasets: named data, kept in immutable versions."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "dataset.read",
        "create": "dataset.write",
        "retrieve": "dataset.read",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]]] = {"list": DatasetQuery}
    queryset = Dataset.objects.none()
    serializer_class = DatasetSerializer
    lookup_field = "name"
    lookup_value_regex = NAME

    def list(self, request: Request) -> Response:
        """List the datasets, the newest first, each with its newest sealed version."""
        rows = visible(self.grant, Dataset.objects.filter(deleted_at=None))
        if search := self.query.get("search", ""):
            rows = rows.filter(Q(name__icontains=search) | Q(description__icontains=search))
        page = with_latest(self.paginate_queryset(rows) or [])
        return self.get_paginated_response(DatasetSerializer(page, many=True).data)

    @extend_schema(request=DatasetBody, responses={201: DatasetSerializer})
    def create(self, request: Request) -> Response:
        """Make an empty dataset; upload into a version of it next."""
        dataset = actions.create_dataset(self.grant, **self.body(DatasetBody))
        return Response(DatasetSerializer(dataset).data, status=201)

    def retrieve(self, request: Request, name: str) -> Response:
        """Describe a dataset and its newest sealed version."""
        found = find_dataset(self.grant, name, deleted=True)
        return Response(DatasetSerializer(with_latest([found])[0]).data)


class DatasetVersionViewSet(ProjectViewSet):
    """Versions of a dataset: open while files are uploaded, immutable once sealed."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "dataset.read",
        "create": "dataset.write",
        "retrieve": "dataset.read",
        "destroy": "dataset.write",
        "seal": "dataset.write",
        "files": "dataset.read",
        "uploads": "dataset.write",
        "begin_upload": "dataset.write",
        "profile": "dataset.read",
        "preview": "dataset.preview",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]]] = {
        "list": PageQuery,
        "files": PageQuery,
        "uploads": PageQuery,
        "profile": TableQuery,
        "preview": TableQuery,
    }
    queryset = DatasetVersion.objects.none()
    serializer_class = DatasetVersionSerializer
    lookup_field = "number"
    lookup_value_regex = "[0-9]{1,9}"

    @property
    def _context(self) -> dict[str, Any]:
        return {"slug": self.grant.slug}

    def list(self, request: Request, name: str) -> Response:
        """List a dataset's versions, the newest first."""
        dataset = find_dataset(self.grant, name, deleted=True)
        rows = DatasetVersion.objects.filter(dataset=dataset).select_related("dataset")
        page = with_shape(self.paginate_queryset(rows) or [])
        return self.get_paginated_response(DatasetVersionSerializer(page, many=True).data)

    @extend_schema(request=DatasetVersionBody, responses={201: DatasetVersionSerializer})
    def create(self, request: Request, name: str) -> Response:
        """Open the next version; upload files into it, then seal it."""
        body = self.body(DatasetVersionBody)
        version = actions.open_version(self.grant, find_dataset(self.grant, name), **body)
        return Response(DatasetVersionSerializer(version).data, status=201)

    def retrieve(self, request: Request, name: str, number: str) -> Response:
        """Describe a version; of a deleted one, what is left to say."""
        found = find_version(self.grant, name, int(number), deleted=True)
        return Response(DatasetVersionSerializer(with_shape([found])[0]).data)

    def destroy(self, request: Request, name: str, number: str) -> Response:
        """Drop an open version with everything uploaded into it. A sealed one is a 409: see its `deletion`."""
        actions.delete_open_version(self.grant, find_version(self.grant, name, int(number), lock=True))
        return Response(status=204)

    @extend_schema(request=DatasetSealBody, responses={200: SealedVersionSerializer})
    def seal(self, request: Request, name: str, number: str) -> Response:
        """Seal a version for good; its tables are profiled next.

        Where the newest sealed version has the very same files, that one is returned with `identical`, and
        the open one is dropped.
        """
        self.body(DatasetSealBody)
        sealed = actions.seal_version(self.grant, find_version(self.grant, name, int(number), lock=True))
        shown = with_shape([sealed.version])[0]
        return Response(SealedVersionSerializer(shown, context={"identical": sealed.identical}).data)

    @extend_schema(responses=DatasetFileSerializer(many=True))
    def files(self, request: Request, name: str, number: str) -> Response:
        """List a version's files, in the order in which they were added."""
        version = find_version(self.grant, name, int(number))
        rows = DatasetFile.objects.filter(version=version).select_related("version__dataset")
        self.paginator.ordering = ("id",)  # type: ignore[union-attr]
        return self.listed(rows, DatasetFileSerializer, **self._context)

    @extend_schema(responses=DatasetUploadSerializer(many=True))
    def uploads(self, request: Request, name: str, number: str) -> Response:
        """List a version's unfinished uploads."""
        version = find_version(self.grant, name, int(number))
        rows = DatasetUpload.objects.filter(version=version).select_related("version__dataset")
        return self.listed(rows, DatasetUploadSerializer, **self._context)

    @extend_schema(
        request=DatasetUploadBody, responses={200: DatasetUploadSerializer, 201: DatasetUploadSerializer}
    )
    def begin_upload(self, request: Request, name: str, number: str) -> Response:
        """Begin a file of an open version; PUT its bytes to `url` next.

        The same path, size and SHA-256 as an unfinished upload give that one (200), to go on with.
        """
        body = self.body(DatasetUploadBody)
        version = find_version(self.grant, name, int(number), lock=True)
        upload, made = actions.begin_upload(self.grant, version, **body)
        shown = DatasetUploadSerializer(upload, context=self._context).data
        return Response(shown, status=201 if made else 200)

    @extend_schema(responses={200: TableProfileSerializer, **_UNFIT})
    def profile(self, request: Request, name: str, number: str) -> Response:
        """Describe a table of a version: its columns, their types, and how many values are missing."""
        version = find_version(self.grant, name, int(number))
        require_access(self.grant, version.dataset)
        table = find_table(version, self.query.get("path", ""))
        shown = {
            "path": table.file.path,
            "state": table.state,
            "problem": table.problem,
            "rows": table.report.rows if table.report else None,
            "columns": table.columns(),
        }
        return Response(TableProfileSerializer(shown).data)

    @extend_schema(responses={200: TablePreviewSerializer, **_UNFIT})
    def preview(self, request: Request, name: str, number: str) -> Response:
        """Show a table's first 100 rows and its columns' extremes. It is data, so this is on record."""
        version = find_version(self.grant, name, int(number))
        preview = actions.preview_table(self.grant, version, self.query.get("path", ""))
        return Response(TablePreviewSerializer(preview).data)
