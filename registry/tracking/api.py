"""The API of experiments, runs and models: read from MLflow, which the portal's own client speaks to."""

from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_serializer, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from projects.doors.api import ProjectViewSet
from projects.doors.strict import QuerySerializer
from registry.mlflow.client import Mlflow
from registry.tracking import actions
from registry.tracking.serializers import (
    AliasSerializer,
    ArtifactSerializer,
    CursorQuery,
    ExperimentSerializer,
    FolderQuery,
    MetricSerializer,
    ModelSerializer,
    RegisterSerializer,
    RunQuery,
    RunSerializer,
    VersionSerializer,
)


def page_of(name: str, item: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """The schema of one page of MLflow's things."""
    fields = {"next": serializers.CharField(allow_null=True), "results": item(many=True)}
    found: serializers.Serializer[Any] = inline_serializer(name, fields)
    # Else an action called `list` is described as an array of such pages.
    extend_schema_serializer(many=False)(type(found))
    return found


class MlflowViewSet(ProjectViewSet):
    """Something that MLflow keeps."""

    pagination_class = None  # type: ignore[assignment]  # MLflow pages by tokens of its own

    @property
    def mlflow(self) -> Mlflow:
        """MLflow as this project's account sees it."""
        return Mlflow(self.grant.account_id)

    def page(
        self,
        request: Request,
        items: Sequence[Any],
        token: str,
        serializer: type[serializers.Serializer[Any]],
    ) -> Response:
        """Answer with one page, and where the next one is."""
        following = None
        if token:
            parameters = {**request.query_params.dict(), "cursor": token}
            following = f"{request.build_absolute_uri(request.path)}?{urlencode(parameters)}"
        return Response({"next": following, "results": serializer(items, many=True).data})


class ExperimentViewSet(MlflowViewSet):
    """Experiments: named sets of runs."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "mlflow.read",
        "retrieve": "mlflow.read",
        "runs": "mlflow.read",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": CursorQuery, "runs": RunQuery}
    serializer_class = ExperimentSerializer

    @extend_schema(responses=page_of("ExperimentPage", ExperimentSerializer))
    def list(self, request: Request) -> Response:
        """List the experiments, the last changed first."""
        found = self.mlflow.search_experiments(limit=self.query["page_size"], token=self.query["cursor"])
        return self.page(request, found.items, found.token, ExperimentSerializer)

    def retrieve(self, request: Request, experiment_id: int) -> Response:
        """Describe an experiment."""
        return Response(ExperimentSerializer(self.mlflow.experiment(str(experiment_id))).data)

    @extend_schema(responses=page_of("RunPage", RunSerializer))
    def runs(self, request: Request, experiment_id: int) -> Response:
        """List an experiment's runs; `filter` and `order_by` in MLflow's language."""
        experiment = self.mlflow.experiment(str(experiment_id))
        found = self.mlflow.search_runs(
            [experiment.id],
            self.query["filter"],
            order_by=[self.query["order_by"]],
            limit=self.query["page_size"],
            token=self.query["cursor"],
        )
        return self.page(request, found.items, found.token, RunSerializer)


class RunViewSet(MlflowViewSet):
    """Runs. Their files are downloaded through `registry.tracking.downloads`."""

    permissions: ClassVar[dict[str, str]] = {
        "retrieve": "mlflow.read",
        "metric": "mlflow.read",
        "artifacts": "mlflow.read",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"artifacts": FolderQuery}
    serializer_class = RunSerializer

    def retrieve(self, request: Request, run_id: str) -> Response:
        """Describe a run."""
        return Response(RunSerializer(self.mlflow.run(run_id)).data)

    @extend_schema(responses=MetricSerializer(many=True))
    def metric(self, request: Request, run_id: str, key: str) -> Response:
        """Return every value logged for one metric, in order."""
        return Response(MetricSerializer(list(self.mlflow.metric_history(run_id, key)), many=True).data)

    @extend_schema(responses=ArtifactSerializer(many=True))
    def artifacts(self, request: Request, run_id: str) -> Response:
        """List one folder of a run's files."""
        return Response(ArtifactSerializer(self.mlflow.artifacts(run_id, self.query["path"]), many=True).data)


class ModelViewSet(MlflowViewSet):
    """Registered models, their versions and aliases."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "model.read",
        "retrieve": "model.read",
        "versions": "model.read",
        "register": "model.write",
        "version": "model.read",
        "input_example": "model.read",
        "set_alias": "model.write",
        "delete_alias": "model.write",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": CursorQuery}
    serializer_class = ModelSerializer

    @extend_schema(responses=page_of("ModelPage", ModelSerializer))
    def list(self, request: Request) -> Response:
        """List the registered models by name."""
        found = self.mlflow.search_models(limit=self.query["page_size"], token=self.query["cursor"])
        return self.page(request, found.items, found.token, ModelSerializer)

    def retrieve(self, request: Request, name: str) -> Response:
        """Describe a registered model."""
        return Response(ModelSerializer(self.mlflow.model(name)).data)

    @extend_schema(responses=VersionSerializer(many=True))
    def versions(self, request: Request, name: str) -> Response:
        """List a model's versions, the newest first."""
        self.mlflow.model(name)
        return Response(VersionSerializer(self.mlflow.versions(name), many=True).data)

    @extend_schema(request=RegisterSerializer, responses={201: VersionSerializer})
    def register(self, request: Request, name: str) -> Response:
        """Register what a run logged as the model's next version; the model is made if there is none."""
        version = actions.register(self.grant, name, **self.body(RegisterSerializer))
        return Response(VersionSerializer(version).data, status=201)

    @extend_schema(responses=VersionSerializer)
    def version(self, request: Request, name: str, number: int) -> Response:
        """Describe one version."""
        return Response(VersionSerializer(self.mlflow.version(name, number)).data)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def input_example(self, request: Request, name: str, number: int) -> Response:
        """Return the input example that was logged with a version, as MLflow's `dataframe_split`."""
        return Response(actions.input_example(self.grant, name, number))

    @extend_schema(request=AliasSerializer, responses=VersionSerializer)
    def set_alias(self, request: Request, name: str, alias: str) -> Response:
        """Point an alias to a version."""
        version = self.body(AliasSerializer)["version"]
        return Response(VersionSerializer(actions.set_alias(self.grant, name, alias, version)).data)

    @extend_schema(responses={204: None})
    def delete_alias(self, request: Request, name: str, alias: str) -> Response:
        """Remove an alias."""
        actions.delete_alias(self.grant, name, alias)
        return Response(status=204)
