"""Pages of experiments and runs: metric overlays, confusion matrices, comparison, files."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit import Target
from accounts.errors import Invalid, NotFound, Unprocessable
from projects.doors import Grant
from projects.doors.pages import ProjectView
from registry.mlflow.client import Mlflow
from registry.mlflow.entities import Run
from registry.models import TrainingJob
from registry.tracking.actions import read_json

MOST_COMPARED = 8
MOST_CHARTS = 12
CHART_POINTS = 1000
CONFUSION = "confusion_matrix.json"
WAFER = "wafer.json"
# What an example of a fab logs of a whole wafer: dies that pass, as shares.
YIELDS = {"actual": "whole_actual_yield", "predicted": "whole_predicted_yield"}


def finite(value: float) -> float | None:
    """JSON has no NaN and no infinities."""
    return value if value - value == 0 else None


def series(mlflow: Mlflow, run: Run, key: str) -> dict[str, Any]:
    """A run's history of one metric for the chart, thinned to what a screen can show."""
    history = list(mlflow.metric_history(run.id, key))
    every = max(1, len(history) // CHART_POINTS)
    kept = [*history[:-1:every], *history[-1:]]
    return {"name": run.name, "x": [m.step for m in kept], "y": [finite(m.value) for m in kept]}


def charts(mlflow: Mlflow, runs: list[Run]) -> list[dict[str, Any]]:
    """One chart for each metric that has a history (more than one step) in some run."""
    keys = sorted({key for run in runs for key, metric in run.metrics.items() if metric.step > 0})
    found = []
    for index, key in enumerate(keys[:MOST_CHARTS]):
        lines = [series(mlflow, run, key) for run in runs if key in run.metrics]
        found.append({"id": f"metric-{index}", "key": key, "data": {"x_label": _("step"), "series": lines}})
    return found


def headline(runs: Iterable[Run]) -> list[str]:
    """The metrics worth a column: final values (step 0), those that most runs have first."""
    counts: dict[str, int] = {}
    for run in runs:
        for key in run.metrics:
            counts[key] = counts.get(key, 0) + 1
    preferred = ["f1", "accuracy", "precision", "recall", "roc_auc", "rmse", "mae", "loss", "val_loss"]
    ranked = sorted(
        counts, key=lambda key: (preferred.index(key) if key in preferred else 99, -counts[key], key)
    )
    return ranked[:5]


def last_values(run: Run | None, keys: list[str]) -> list[tuple[str, float | None]]:
    """Each metric with its last value in a run, None where the run has none."""
    logged = run.metrics if run is not None else {}
    return [(key, logged[key].value if key in logged else None) for key in keys]


class ExperimentList(ProjectView):
    """Experiments, the last changed first."""

    actions: ClassVar[dict[str, str]] = {"get": "mlflow.read"}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        found = Mlflow(grant.account_id).search_experiments(limit=50, token=request.GET.get("cursor", ""))
        context = {
            "experiments": found.items,
            "next_url": f"?cursor={found.token}" if found.token else "",
            "api": f"/api/v1/projects/{grant.slug}/experiments",
        }
        return self.page(request, "registry/experiments.html", context)


class ExperimentPage(ProjectView):
    """An experiment's runs."""

    actions: ClassVar[dict[str, str]] = {"get": "mlflow.read"}

    def get(self, request: HttpRequest, grant: Grant, experiment_id: int) -> HttpResponse:
        mlflow = Mlflow(grant.account_id)
        experiment = mlflow.experiment(str(experiment_id))
        asked = request.GET.get("filter", "")[:1000]
        problem = ""
        order = self._order(request.GET.get("sort", ""))
        try:
            found = mlflow.search_runs(
                [experiment.id], asked, order_by=[order], limit=50, token=request.GET.get("cursor", "")
            )
            runs, token = found.items, found.token
        except (Invalid, Unprocessable) as error:
            runs, token, problem = [], "", str(error)
        keys = headline(runs)
        rows = [
            {
                "run": run,
                "by": run.tags.get("mlflow.user", ""),
                "metrics": last_values(run, keys),
            }
            for run in runs
        ]
        context = {
            "experiment": experiment,
            "rows": rows,
            "metric_keys": keys,
            "filter": asked,
            "problem": problem,
            "next_url": f"?cursor={token}" if token else "",
            "api": f"/api/v1/projects/{grant.slug}/experiments/{experiment.id}/runs",
        }
        return self.page(request, "registry/experiment.html", context)

    @staticmethod
    def _order(sort: str) -> str:
        key = sort.removeprefix("-")
        direction = "DESC" if sort.startswith("-") else "ASC"
        if key == "name":
            return f"attributes.run_name {direction}"
        if key and key not in ("started", "status") and "`" not in key:
            return f"metrics.`{key}` {direction}"
        return f"attributes.start_time {'ASC' if sort == 'started' else 'DESC'}"


class RunPage(ProjectView):
    """A run: what went in, what came out, its curves and its files."""

    actions: ClassVar[dict[str, str]] = {"get": "mlflow.read"}

    def get(self, request: HttpRequest, grant: Grant, run_id: str) -> HttpResponse:
        mlflow = Mlflow(grant.account_id)
        run = mlflow.run(run_id)
        folder = request.GET.get("folder", "")[:500]
        files = mlflow.artifacts(run.id, folder)
        top = (
            {file.path for file in files} if not folder else {file.path for file in mlflow.artifacts(run.id)}
        )
        context = {
            "run": run,
            "experiment": mlflow.experiment(run.experiment_id),
            "metrics": sorted(run.metrics.values(), key=lambda metric: metric.key),
            "params": sorted(run.params.items()),
            "charts": charts(mlflow, [run]),
            "matrix": self._matrix(mlflow, run) if CONFUSION in top else None,
            "has_wafer": WAFER in top,
            "files": files,
            "folder": folder,
            "parent": folder.rpartition("/")[0],
            "job": TrainingJob.objects.select_related("source__project").filter(run_id=run.id).first(),
            "versions": mlflow.search_versions(f"run_id = '{run.id}'", limit=20).items,
            "tags": sorted((k, v) for k, v in run.tags.items() if not k.startswith("mlflow.")),
            "api": f"/api/v1/projects/{grant.slug}/runs/{run.id}",
        }
        return self.page(request, "registry/run.html", context)

    @staticmethod
    def _matrix(mlflow: Mlflow, run: Run) -> dict[str, Any] | None:
        try:
            found = read_json(mlflow, run.artifact_uri, CONFUSION, limit=1 << 20)
        except (NotFound, Unprocessable):
            return None
        if not (isinstance(found, dict) and {"labels", "matrix"} <= found.keys()):
            return None
        audit.record("artifact.view", Target("run", run.id, run.name), detail={"path": CONFUSION})
        return {"labels": found["labels"], "matrix": found["matrix"]}


class RunCompare(ProjectView):
    """Runs side by side: where their parameters differ, how their metrics compare, their curves overlaid."""

    actions: ClassVar[dict[str, str]] = {"get": "mlflow.read"}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        mlflow = Mlflow(grant.account_id)
        wanted = list(dict.fromkeys(request.GET.getlist("run")))[:MOST_COMPARED]
        runs = [mlflow.run(run_id) for run_id in wanted]
        params = sorted({key for run in runs for key in run.params})
        metrics = sorted({key for run in runs for key in run.metrics})
        param_rows: list[dict[str, Any]] = [
            {"key": key, "values": [run.params.get(key, "") for run in runs]} for key in params
        ]
        for row in param_rows:
            row["differs"] = len(set(row["values"])) > 1
        context = {
            "runs": runs,
            "param_rows": sorted(param_rows, key=lambda row: not row["differs"]),
            "metric_rows": [
                {
                    "key": key,
                    "values": [run.metrics[key].value if key in run.metrics else None for run in runs],
                }
                for key in metrics
            ],
            "charts": charts(mlflow, runs),
        }
        return self.page(request, "registry/compare.html", context)


class WaferPage(ProjectView):
    """Predicted, actual and their difference on the wafer, from a run that logged `wafer.json`."""

    actions: ClassVar[dict[str, str]] = {"get": "mlflow.read"}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        mlflow = Mlflow(grant.account_id)
        jobs = TrainingJob.objects.exclude(run_id="").select_related("source__project", "operation")
        recent = list(jobs.filter(operation__state="succeeded").order_by("-number")[:20])
        run_id = request.GET.get("run", "") or (recent[0].run_id if recent else "")
        context: dict[str, Any] = {"jobs": recent, "run_id": run_id, "run": None}
        if run_id:
            run = mlflow.run(run_id)
            context["run"] = run
            context["missing"] = WAFER not in {file.path for file in mlflow.artifacts(run.id)}
            context["yields"] = {
                name: run.metrics[key].value for name, key in YIELDS.items() if key in run.metrics
            }
        return self.page(request, "registry/wafers.html", context)


class WaferData(ProjectView):
    """What the wafer map draws, as JSON: dies as columns. On record before it leaves."""

    actions: ClassVar[dict[str, str]] = {"get": "mlflow.read"}

    def get(self, request: HttpRequest, grant: Grant, run_id: str) -> HttpResponse:
        mlflow = Mlflow(grant.account_id)
        run = mlflow.run(run_id)
        found = for_map(read_json(mlflow, run.artifact_uri, WAFER, limit=32 << 20))
        audit.record("wafer.view", Target("run", run.id, run.name))
        return JsonResponse(found)


def for_map(found: Any) -> dict[str, Any]:
    """Turn a logged wafer into what the map module draws; raises `Unprocessable` for anything else."""
    needed = {"x", "y", "actual", "predicted"}
    if not isinstance(found, dict) or not needed <= found.keys():
        raise Unprocessable("wafer.form", _("The run's wafer.json has no x, y, actual and predicted."))
    return {
        "x": found["x"],
        "y": found["y"],
        "actual": found["actual"],
        "predicted": found["predicted"],
        "notch": found.get("notch", "down"),
        "categories": [{"value": 0, "label": _("pass")}, {"value": 1, "label": _("fail")}],
    }
