"""The dataset pages, below `projects/<slug>/`."""

from django.urls import path

from registry.datasets import views, views_access
from registry.datasets.deletion import pages as deletion
from registry.exposure.pages import SeenPage

_DATASET = "datasets/<str:name>/"
_VERSION = f"{_DATASET}versions/<int:number>/"

urlpatterns = [
    path("datasets/", views.DatasetList.as_view(), name="datasets"),
    path("datasets/new/", views.DatasetNew.as_view(), name="dataset_new"),
    path(_DATASET, views.DatasetPage.as_view(), name="dataset"),
    path(f"{_DATASET}access/", views_access.DatasetAccessPage.as_view(), name="dataset_access"),
    path(f"{_DATASET}access/<uuid:pk>/", views_access.DatasetGrantEnd.as_view(), name="dataset_access_end"),
    path(f"{_DATASET}delete/", deletion.DeletePage.as_view(), name="dataset_delete"),
    path("dataset-deletions/", deletion.DeletionsPage.as_view(), name="dataset_deletions"),
    path("dataset-deletions/<uuid:pk>/", deletion.DeletionPage.as_view(), name="dataset_deletion"),
    path(f"{_VERSION}download/", views_access.DownloadPage.as_view(), name="dataset_download"),
    path(f"{_DATASET}versions/", views.VersionOpen.as_view(), name="dataset_version_open"),
    path(_VERSION, views.VersionPage.as_view(), name="dataset_version"),
    path(f"{_VERSION}preview/", views.PreviewPage.as_view(), name="dataset_preview"),
    path(f"{_VERSION}uploads/", views.UploadNew.as_view(), name="dataset_upload_new"),
    path(f"{_VERSION}uploads/<uuid:pk>/", views.UploadDrop.as_view(), name="dataset_upload_drop"),
    path("audit/seen/<uuid:pk>/", SeenPage.as_view(), name="dataset_seen"),
]
