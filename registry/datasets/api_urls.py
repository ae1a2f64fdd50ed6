"""The dataset API, below `projects/<slug>/`. Bytes come and go through `transfers`."""

from django.urls import path

from registry.datasets.api import DatasetVersionViewSet, DatasetViewSet
from registry.datasets.api_access import DatasetAccessViewSet
from registry.datasets.deletion.api import DeletionViewSet
from registry.exposure.api import SeenViewSet

_VERSIONS = "datasets/<str:name>/versions"
_VERSION = f"{_VERSIONS}/<int:number>"
_version = DatasetVersionViewSet.as_view
_deletion = DeletionViewSet.as_view

urlpatterns = [
    path("datasets", DatasetViewSet.as_view({"get": "list", "post": "create"}), name="datasets"),
    path("datasets/<str:name>", DatasetViewSet.as_view({"get": "retrieve"}), name="dataset"),
    path(
        "datasets/<str:name>/sensitivity",
        DatasetAccessViewSet.as_view({"post": "sensitivity"}),
        name="dataset_sensitivity",
    ),
    path(
        "datasets/<str:name>/grants",
        DatasetAccessViewSet.as_view({"get": "list", "post": "create"}),
        name="dataset_grants",
    ),
    path(
        "datasets/<str:name>/grants/<uuid:pk>",
        DatasetAccessViewSet.as_view({"delete": "destroy"}),
        name="dataset_grant",
    ),
    path(
        "datasets/<str:name>/access-requests",
        DatasetAccessViewSet.as_view({"post": "ask"}),
        name="dataset_access_requests",
    ),
    path(_VERSIONS, _version({"get": "list", "post": "create"}), name="dataset_versions"),
    path(_VERSION, _version({"get": "retrieve", "delete": "destroy"}), name="dataset_version"),
    path(f"{_VERSION}/seal", _version({"post": "seal"}), name="dataset_seal"),
    path(f"{_VERSION}/files", _version({"get": "files"}), name="dataset_files"),
    path(f"{_VERSION}/uploads", _version({"get": "uploads", "post": "begin_upload"}), name="dataset_uploads"),
    path(f"{_VERSION}/profile", _version({"get": "profile"}), name="dataset_profile"),
    path(f"{_VERSION}/preview", _version({"get": "preview"}), name="dataset_preview"),
    path(
        f"{_VERSION}/deletion",
        _deletion({"get": "version_dependants", "post": "delete_version"}),
        name="dataset_version_deletion",
    ),
    path(
        "datasets/<str:name>/deletion",
        _deletion({"get": "dataset_dependants", "post": "delete_dataset"}),
        name="dataset_deletion",
    ),
    path("dataset-deletions", _deletion({"get": "list"}), name="dataset_deletions"),
    path("dataset-deletions/<uuid:pk>", _deletion({"get": "retrieve"}), name="dataset_deletion_one"),
    path("dataset-deletions/<uuid:pk>/statement", _deletion({"get": "statement"}), name="dataset_statement"),
    path(f"{_VERSION}/seen", SeenViewSet.as_view({"get": "retrieve"}), name="dataset_seen"),
    path(f"{_VERSION}/seen/events", SeenViewSet.as_view({"get": "events"}), name="dataset_seen_events"),
]
