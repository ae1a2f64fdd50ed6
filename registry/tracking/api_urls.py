"""The API of experiments, runs and models, below `projects/<slug>/`."""

from django.urls import path, register_converter

from registry.tracking.api import ExperimentViewSet, ModelViewSet, RunViewSet


class RunId:
    """MLflow's run ids: 32 hexadecimal digits."""

    regex = "[0-9a-f]{32}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(RunId, "run_id")

_experiment, _run, _model = ExperimentViewSet.as_view, RunViewSet.as_view, ModelViewSet.as_view

urlpatterns = [
    path("experiments", _experiment({"get": "list"}), name="experiments"),
    path("experiments/<int:experiment_id>", _experiment({"get": "retrieve"}), name="experiment"),
    path("experiments/<int:experiment_id>/runs", _experiment({"get": "runs"}), name="experiment_runs"),
    path("runs/<run_id:run_id>", _run({"get": "retrieve"}), name="run"),
    path("runs/<run_id:run_id>/metrics/<path:key>", _run({"get": "metric"}), name="run_metric"),
    path("runs/<run_id:run_id>/artifacts", _run({"get": "artifacts"}), name="run_artifacts"),
    path("models", _model({"get": "list"}), name="models"),
    path("models/<str:name>", _model({"get": "retrieve"}), name="model"),
    path(
        "models/<str:name>/versions", _model({"get": "versions", "post": "register"}), name="model_versions"
    ),
    path("models/<str:name>/versions/<int:number>", _model({"get": "version"}), name="model_version"),
    path(
        "models/<str:name>/versions/<int:number>/input-example",
        _model({"get": "input_example"}),
        name="model_input_example",
    ),
    path(
        "models/<str:name>/aliases/<str:alias>",
        _model({"put": "set_alias", "delete": "delete_alias"}),
        name="model_alias",
    ),
]
