"""Pages of the registry floor."""

from django.urls import URLPattern, include, path

from registry.datasets.urls import urlpatterns as _datasets
from registry.pages.endpoints import EndpointList, EndpointPage
from registry.pages.models import ModelList, ModelPage
from registry.pages.promotions import PromotePage, ProtectedAliasesPage, ProtectedAliasPage
from registry.pages.tracking import (
    ExperimentList,
    ExperimentPage,
    RunCompare,
    RunPage,
    WaferData,
    WaferPage,
)
from registry.pages.training import (
    TrainingJobPage,
    TrainingList,
    TrainingNew,
    TrainingProjectNew,
    TrainingProjectPage,
)

app_name = "registry"

_training: list[URLPattern] = [
    path("training/", TrainingList.as_view(), name="training"),
    path("training/new/", TrainingNew.as_view(), name="training_new"),
    path("training/projects/new/", TrainingProjectNew.as_view(), name="training_project_new"),
    path("training/projects/<str:name>/", TrainingProjectPage.as_view(), name="training_project"),
    path("training/<int:number>/", TrainingJobPage.as_view(), name="training_job"),
]
_tracking: list[URLPattern] = [
    path("experiments/", ExperimentList.as_view(), name="experiments"),
    path("experiments/<int:experiment_id>/", ExperimentPage.as_view(), name="experiment"),
    path("runs/compare/", RunCompare.as_view(), name="compare"),
    path("runs/<run_id:run_id>/", RunPage.as_view(), name="run"),
    path("wafers/", WaferPage.as_view(), name="wafers"),
    path("wafers/<run_id:run_id>/data/", WaferData.as_view(), name="wafer_data"),
]
_serving: list[URLPattern] = [
    path("models/", ModelList.as_view(), name="models"),
    path("models/<str:name>/", ModelPage.as_view(), name="model"),
    path("models/<str:name>/promote/", PromotePage.as_view(), name="promote"),
    path("settings/aliases/", ProtectedAliasesPage.as_view(), name="protected_aliases"),
    path("settings/aliases/<uuid:pk>/", ProtectedAliasPage.as_view(), name="protected_alias"),
    path("endpoints/", EndpointList.as_view(), name="endpoints"),
    path("endpoints/<str:name>/", EndpointPage.as_view(), name="endpoint"),
]

urlpatterns = [path("projects/<slug:slug>/", include([*_datasets, *_training, *_tracking, *_serving]))]
