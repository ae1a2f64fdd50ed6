"""Which of MLflow's routes a stock client may reach through the portal, and with which permission.

An allow-list: what is not here is answered 404 and, by the door, recorded as denied. Allowed is what the
Python client needs for tracking, artifacts, logged models, the model registry, traces and evaluation
datasets. Left out on purpose:

- `/ajax-api/…`, `/graphql`, `/get-artifact`, the pages and static files: MLflow's own browser interface;
- workspaces (one per account, made by the portal), webhooks (the server would call any address), gateway
  secrets, endpoints and budgets, scorers, review queues, label schemas, issues, prompt optimisation, jobs,
  the assistant and MCP;
- `/v1/traces` (OTLP): its spans carry trace tags past MLflow's own check; with `/version` left out as well,
  clients fall back to trace files among the artifacts, which are walled off;
- `traces/get` and `traces/batchGet` read spans that only OTLP or MLflow's archiver would have stored.

Multipart and presigned transfers answer 501, on which clients fall back to plain streaming.
"""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from projects.permissions import Permission

READ, WRITE = str(Permission.MLFLOW_READ), str(Permission.MLFLOW_WRITE)
MODEL_READ, MODEL_WRITE = str(Permission.MODEL_READ), str(Permission.MODEL_WRITE)

V2: Final = "/api/2.0/mlflow"
V3: Final = "/api/3.0/mlflow"
FILES: Final = "/api/2.0/mlflow-artifacts"


class Kind(Enum):
    """How a call is treated: what is recorded, and how its body travels."""

    READ = "read"  # recorded once per reader and hour
    CHANGE = "change"  # each call recorded before it is made
    LOG = "log"  # high volume: the first call per run and token is recorded
    DOWNLOAD = "download"  # each file recorded before its first byte
    UPLOAD = "upload"  # streamed; recorded like LOG
    UNSUPPORTED = "unsupported"  # 501


class Bound(Enum):
    """How a call says which run it writes to: what a run-scoped token is held to."""

    NEVER = "never"  # not with a run-scoped token
    ANY = "any"  # reads: the whole project
    RUN = "run"  # `run_id` in the body
    NESTED = "nested"  # a new run: its parent
    SOURCE = "source"  # a new logged model: its source run
    MODEL = "model"  # a logged model in the path
    PLACE = "place"  # an artifact path
    NEW = "new"  # a registered model, or a version whose run or model is its own


class Drops(Enum):
    """Whose aliases a call to the model registry moves or loses: what protected aliases are held against."""

    ALIAS = "alias"  # the one it names
    VERSION = "version"  # those of the version it deletes
    MODEL = "model"  # all of the model it deletes
    RENAMED = "renamed"  # all of the model, under its old name and its new one


@dataclass(frozen=True, slots=True)
class Route:
    """One allowed call. `action` names the audit event of a CHANGE; `target` the body's or path's field it is
    about; `drops` what of a registered model it may take an alias from, or give one to.
    """

    permission: str
    kind: Kind
    bound: Bound = Bound.NEVER
    action: str = ""
    target: str = ""
    drops: Drops | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """A route and the variable parts of its path."""

    route: Route
    variables: dict[str, str]


_read = Route(READ, Kind.READ, Bound.ANY)
_model_read = Route(MODEL_READ, Kind.READ, Bound.ANY)
_unsupported = Route(READ, Kind.UNSUPPORTED, Bound.ANY)


def _log(bound: Bound, target: str = "run_id") -> Route:
    return Route(WRITE, Kind.LOG, bound, target=target)


def _change(action: str, target: str, bound: Bound = Bound.NEVER) -> Route:
    return Route(WRITE, Kind.CHANGE, bound, action, target)


def _model(action: str, bound: Bound = Bound.NEVER, drops: Drops | None = None) -> Route:
    return Route(MODEL_WRITE, Kind.CHANGE, bound, action, "name", drops)


_TABLE: Final[dict[str, Route]] = {
    # Tracking
    f"GET {V2}/experiments/get": _read,
    f"GET {V2}/experiments/get-by-name": _read,
    f"GET {V2}/experiments/search": _read,
    f"POST {V2}/experiments/search": _read,
    f"POST {V2}/experiments/create": _change("experiment.create", "name"),
    f"POST {V2}/experiments/update": _change("experiment.rename", "experiment_id"),
    f"POST {V2}/experiments/delete": _change("experiment.delete", "experiment_id"),
    f"POST {V2}/experiments/restore": _change("experiment.restore", "experiment_id"),
    f"POST {V2}/experiments/set-experiment-tag": _change("experiment.tag", "experiment_id"),
    f"POST {V2}/experiments/delete-experiment-tag": _change("experiment.tag", "experiment_id"),
    f"GET {V2}/runs/get": _read,
    f"POST {V2}/runs/search": _read,
    f"GET {V2}/metrics/get-history": _read,
    f"GET {V2}/metrics/get-history-bulk-interval": _read,
    f"GET {V2}/artifacts/list": _read,
    f"POST {V2}/runs/create": _change("run.create", "run_name", Bound.NESTED),
    f"POST {V2}/runs/delete": _change("run.delete", "run_id"),
    f"POST {V2}/runs/restore": _change("run.restore", "run_id"),
    f"POST {V2}/runs/update": _log(Bound.RUN),
    f"POST {V2}/runs/log-metric": _log(Bound.RUN),
    f"POST {V2}/runs/log-parameter": _log(Bound.RUN),
    f"POST {V2}/runs/log-batch": _log(Bound.RUN),
    f"POST {V2}/runs/log-inputs": _log(Bound.RUN),
    f"POST {V2}/runs/log-model": _log(Bound.RUN),
    f"POST {V2}/runs/outputs": _log(Bound.RUN),
    f"POST {V2}/runs/set-tag": _log(Bound.RUN),
    f"POST {V2}/runs/delete-tag": _log(Bound.RUN),
    # Artifacts
    f"GET {FILES}/artifacts": _read,
    f"GET {FILES}/artifacts/{{*path}}": Route(READ, Kind.DOWNLOAD, Bound.ANY, "artifact.download", "path"),
    f"PUT {FILES}/artifacts/{{*path}}": Route(WRITE, Kind.UPLOAD, Bound.PLACE, target="path"),
    f"DELETE {FILES}/artifacts/{{*path}}": Route(WRITE, Kind.CHANGE, Bound.PLACE, "artifact.delete", "path"),
    f"POST {FILES}/mpu/create/{{*path}}": _unsupported,
    f"POST {FILES}/mpu/complete/{{*path}}": _unsupported,
    f"POST {FILES}/mpu/abort/{{*path}}": _unsupported,
    f"GET {FILES}/presigned/{{*path}}": _unsupported,
    f"POST {V2}/artifacts/presigned-upload-url": _unsupported,
    f"POST {V2}/artifacts/presigned-download-url": _unsupported,
    # Logged models
    f"GET {V2}/logged-models/{{model_id}}": _read,
    f"POST {V2}/logged-models/search": _read,
    f"GET {V2}/logged-models/{{model_id}}/artifacts/directories": _read,
    f"POST {V2}/logged-models": _log(Bound.SOURCE, "source_run_id"),
    f"PATCH {V2}/logged-models/{{model_id}}": _log(Bound.MODEL, "model_id"),
    f"POST {V2}/logged-models/{{model_id}}/params": _log(Bound.MODEL, "model_id"),
    f"PATCH {V2}/logged-models/{{model_id}}/tags": _log(Bound.MODEL, "model_id"),
    f"DELETE {V2}/logged-models/{{model_id}}/tags/{{key}}": _log(Bound.MODEL, "model_id"),
    f"DELETE {V2}/logged-models/{{model_id}}": _change("logged_model.delete", "model_id"),
    # Model registry
    f"GET {V2}/registered-models/get": _model_read,
    f"GET {V2}/registered-models/search": _model_read,
    f"GET {V2}/registered-models/get-latest-versions": _model_read,
    f"POST {V2}/registered-models/get-latest-versions": _model_read,
    f"GET {V2}/registered-models/alias": _model_read,
    f"GET {V2}/model-versions/get": _model_read,
    f"GET {V2}/model-versions/search": _model_read,
    f"GET {V2}/model-versions/get-download-uri": _model_read,
    f"POST {V2}/registered-models/create": _model("model.create", Bound.NEW),
    f"POST {V2}/registered-models/rename": _model("model.rename", drops=Drops.RENAMED),
    f"PATCH {V2}/registered-models/update": _model("model.update"),
    f"DELETE {V2}/registered-models/delete": _model("model.delete", drops=Drops.MODEL),
    f"POST {V2}/registered-models/set-tag": _model("model.tag"),
    f"DELETE {V2}/registered-models/delete-tag": _model("model.tag"),
    f"POST {V2}/registered-models/alias": _model("model.alias", drops=Drops.ALIAS),
    f"DELETE {V2}/registered-models/alias": _model("model.alias", drops=Drops.ALIAS),
    f"POST {V2}/model-versions/create": _model("model.version", Bound.NEW),
    f"PATCH {V2}/model-versions/update": _model("model.update"),
    f"POST {V2}/model-versions/transition-stage": _model("model.stage"),
    f"DELETE {V2}/model-versions/delete": _model("model.delete", drops=Drops.VERSION),
    f"POST {V2}/model-versions/set-tag": _model("model.tag"),
    f"DELETE {V2}/model-versions/delete-tag": _model("model.tag"),
    # Traces
    f"GET {V3}/traces/{{trace_id}}": _read,
    f"POST {V3}/traces/search": _read,
    f"POST {V3}/traces/batchGetInfos": _read,
    f"GET {V3}/traces/{{trace_id}}/assessments/{{assessment_id}}": _read,
    f"GET {V3}/traces/get": _unsupported,
    f"GET {V3}/traces/batchGet": _unsupported,
    f"POST {V3}/traces": _log(Bound.NEVER, ""),
    f"PATCH {V3}/traces/{{trace_id}}/tags": _log(Bound.NEVER, "trace_id"),
    f"DELETE {V3}/traces/{{trace_id}}/tags": _log(Bound.NEVER, "trace_id"),
    f"PATCH {V2}/traces/{{trace_id}}/tags": _log(Bound.NEVER, "trace_id"),
    f"DELETE {V2}/traces/{{trace_id}}/tags": _log(Bound.NEVER, "trace_id"),
    f"POST {V3}/traces/{{trace_id}}/assessments": _log(Bound.NEVER, "trace_id"),
    f"PATCH {V3}/traces/{{trace_id}}/assessments/{{assessment_id}}": _log(Bound.NEVER, "trace_id"),
    f"DELETE {V3}/traces/{{trace_id}}/assessments/{{assessment_id}}": _log(Bound.NEVER, "trace_id"),
    f"POST {V3}/traces/delete-traces": _change("trace.delete", "experiment_id"),
    f"POST {V2}/traces/delete-traces": _change("trace.delete", "experiment_id"),
    f"POST {V2}/traces/link-to-run": _log(Bound.RUN),
    # Evaluation datasets
    f"GET {V3}/datasets/search": _read,
    f"POST {V3}/datasets/search": _read,
    f"GET {V3}/datasets/{{dataset_id}}": _read,
    f"GET {V3}/datasets/{{dataset_id}}/records": _read,
    f"GET {V3}/datasets/{{dataset_id}}/experiment-ids": _read,
    f"POST {V3}/datasets/create": _change("evaluation_dataset.create", "name"),
    f"DELETE {V3}/datasets/{{dataset_id}}": _change("evaluation_dataset.delete", "dataset_id"),
    f"POST {V3}/datasets/{{dataset_id}}/records": _log(Bound.NEVER, "dataset_id"),
    f"DELETE {V3}/datasets/{{dataset_id}}/records": _change(
        "evaluation_dataset.delete_records", "dataset_id"
    ),
    f"PATCH {V3}/datasets/{{dataset_id}}/tags": _log(Bound.NEVER, "dataset_id"),
    f"DELETE {V3}/datasets/{{dataset_id}}/tags/{{key}}": _log(Bound.NEVER, "dataset_id"),
    f"POST {V3}/datasets/{{dataset_id}}/add-experiments": _log(Bound.NEVER, "dataset_id"),
    f"POST {V3}/datasets/{{dataset_id}}/remove-experiments": _log(Bound.NEVER, "dataset_id"),
    # What the client asks first
    f"GET {V3}/server-info": _read,
}

_ID = r"[A-Za-z0-9][A-Za-z0-9_.:@=-]{0,249}"
_VARIABLE = re.compile(r"\{(\*?)(\w+)\}")


def _compile(template: str) -> re.Pattern[str]:
    pattern, at = "", 0
    for found in _VARIABLE.finditer(template):
        pattern += re.escape(template[at : found.start()])
        name = found.group(2)
        pattern += (
            f"(?P<{name}>.+)"
            if found.group(1)
            else f"(?P<{name}>[^/]+)"
            if name == "key"
            else f"(?P<{name}>{_ID})"
        )
        at = found.end()
    return re.compile(pattern + re.escape(template[at:]))


_EXACT = {template: route for template, route in _TABLE.items() if "{" not in template}
_PATTERNS = [(_compile(template), route) for template, route in _TABLE.items() if "{" in template]


@lru_cache(maxsize=4096)
def _find(call: str) -> tuple[Route, tuple[tuple[str, str], ...]] | None:
    if route := _EXACT.get(call):
        return route, ()
    for pattern, route in _PATTERNS:
        if found := pattern.fullmatch(call):
            return route, tuple(found.groupdict().items())
    return None


def match(method: str, path: str) -> Match | None:
    """Return the route of a call, or None for one that is not allowed. `path` is decoded and starts with
    `/api/`.
    """
    found = _find(f"{method} {path}")
    return Match(found[0], dict(found[1])) if found else None


def every_route() -> dict[str, Route]:
    """Return the whole table, by `METHOD template`: for tests and documents."""
    return dict(_TABLE)
