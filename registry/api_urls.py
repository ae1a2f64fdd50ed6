"""Addresses of this floor's API, below /api/v1/. `registry/asgi.py` adds transfers, streams and the gateways."""

from django.urls import include, path

from registry.datasets.api_urls import urlpatterns as _datasets
from registry.endpoints.api import EndpointViewSet
from registry.promotions.api_urls import urlpatterns as _promotions
from registry.tracking.api_urls import urlpatterns as _tracking
from registry.training.api import TrainingJobViewSet, TrainingProjectViewSet

app_name = "registry_api"

_training = [
    path(
        "training-projects",
        TrainingProjectViewSet.as_view({"get": "list", "post": "create"}),
        name="training_projects",
    ),
    path(
        "training-projects/<str:name>",
        TrainingProjectViewSet.as_view({"get": "retrieve"}),
        name="training_project",
    ),
    path(
        "training-projects/<str:name>/sources",
        TrainingProjectViewSet.as_view({"get": "sources", "post": "add_git_source"}),
        name="training_sources",
    ),
    path(
        "training-jobs", TrainingJobViewSet.as_view({"get": "list", "post": "create"}), name="training_jobs"
    ),
    path("training-jobs/<int:number>", TrainingJobViewSet.as_view({"get": "retrieve"}), name="training_job"),
    path(
        "training-jobs/<int:number>/log", TrainingJobViewSet.as_view({"get": "log"}), name="training_job_log"
    ),
    path(
        "training-jobs/<int:number>/cancel",
        TrainingJobViewSet.as_view({"post": "cancel"}),
        name="training_job_cancel",
    ),
    path(
        "training-jobs/<int:number>/retry",
        TrainingJobViewSet.as_view({"post": "retry"}),
        name="training_job_retry",
    ),
]

_endpoints = [
    path("endpoints", EndpointViewSet.as_view({"get": "list", "post": "create"}), name="endpoints"),
    path(
        "endpoints/<str:name>",
        EndpointViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="endpoint",
    ),
    path(
        "endpoints/<str:name>/revisions",
        EndpointViewSet.as_view({"get": "revisions"}),
        name="endpoint_revisions",
    ),
    path("endpoints/<str:name>/deploy", EndpointViewSet.as_view({"post": "deploy"}), name="endpoint_deploy"),
    path("endpoints/<str:name>/start", EndpointViewSet.as_view({"post": "start"}), name="endpoint_start"),
    path("endpoints/<str:name>/stop", EndpointViewSet.as_view({"post": "stop"}), name="endpoint_stop"),
    path("endpoints/<str:name>/log", EndpointViewSet.as_view({"get": "log"}), name="endpoint_log"),
]

urlpatterns = [
    path("projects/<slug:slug>/", include([*_datasets, *_training, *_tracking, *_promotions, *_endpoints]))
]
