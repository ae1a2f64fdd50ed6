"""The API of deletions."""

from typing import ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.errors import Conflict
from accounts.recent import require_recent
from projects.doors.api import ProjectViewSet
from projects.doors.strict import PageQuery, QuerySerializer
from registry.datasets.deletion import asking
from registry.datasets.deletion.serializers import (
    DatasetDeletionSerializer,
    DeletionBody,
    DependantsSerializer,
    DisposalStatementSerializer,
)
from registry.datasets.deletion.tombstone import deletion_of, deletion_of_dataset
from registry.datasets.find import find_dataset, find_version
from registry.models import Dataset, DatasetDeletion, DatasetVersion


class DeletionViewSet(ProjectViewSet):
    """Deleting sealed data for good. There is no undo."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "dataset.read",
        "retrieve": "dataset.read",
        "statement": "dataset.read",
        "version_dependants": "dataset.read",
        "delete_version": "dataset.delete",
        "dataset_dependants": "dataset.read",
        "delete_dataset": "dataset.delete",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery}
    queryset = DatasetDeletion.objects.none()
    serializer_class = DatasetDeletionSerializer

    def list(self, request: Request) -> Response:
        """List the deletions, the newest first: those that wait, and those that were done."""
        return self.listed(asking.deletions(self.grant), DatasetDeletionSerializer)

    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Describe a deletion."""
        return Response(DatasetDeletionSerializer(asking.find_deletion(self.grant, pk)).data)

    @extend_schema(responses=DisposalStatementSerializer)
    def statement(self, request: Request, pk: UUID) -> Response:
        """Return the signed statement of what was destroyed. 409 until it is done."""
        found = asking.find_deletion(self.grant, pk)
        if not found.body:
            raise Conflict("dataset.not_deleted", _("“%(what)s” is not deleted yet.") % {"what": found.label})
        audit.record("dataset.deletion_statement", found, detail={"sha256": found.sha256})
        return Response(DisposalStatementSerializer(found).data)

    @extend_schema(responses=DependantsSerializer)
    def version_dependants(self, request: Request, name: str, number: int) -> Response:
        """Say what was made of a version, and whether a second person decides on its deletion."""
        version = find_version(self.grant, name, number, deleted=True)
        return self._dependants(version.dataset, version, deletion_of(version))

    @extend_schema(responses=DependantsSerializer)
    def dataset_dependants(self, request: Request, name: str) -> Response:
        """Say what was made of any version, and whether a second person decides on the dataset's deletion."""
        dataset = find_dataset(self.grant, name, deleted=True)
        return self._dependants(dataset, None, deletion_of_dataset(dataset))

    @extend_schema(request=DeletionBody, responses={202: DatasetDeletionSerializer})
    def delete_version(self, request: Request, name: str, number: int) -> Response:
        """Delete a sealed version for good, or ask a second person to agree to it."""
        version = find_version(self.grant, name, number)
        return self._delete(request, version.dataset, version)

    @extend_schema(request=DeletionBody, responses={202: DatasetDeletionSerializer})
    def delete_dataset(self, request: Request, name: str) -> Response:
        """Delete a dataset with all its versions for good, or ask a second person to agree to it."""
        return self._delete(request, find_dataset(self.grant, name), None)

    def _dependants(
        self, dataset: Dataset, version: DatasetVersion | None, deletion: DatasetDeletion | None
    ) -> Response:
        found = asking.what_depends(dataset, version)
        found.deletion = deletion
        return Response(DependantsSerializer(found).data)

    def _delete(self, request: Request, dataset: Dataset, version: DatasetVersion | None) -> Response:
        body = self.body(DeletionBody)
        if self.grant.token_id is None:
            require_recent(request)  # a browser's session proves more than a click
        asking.check_confirmed(dataset, version, body["confirm"])
        made = asking.ask(self.grant, dataset, version, body["reason"])
        return Response(DatasetDeletionSerializer(made).data, status=202)
