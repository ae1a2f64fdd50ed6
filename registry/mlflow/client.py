"""The portal's own client of MLflow: always bound to one account, whose workspace every request names.

For actions, pages and workers (synchronous). Every method raises `NotFound` for what is not in this account's
workspace, `Unavailable` while MLflow starts, and the other `PortalError`s for what MLflow refuses; none of
MLflow's texts reaches a person unredacted.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
from django.utils.translation import gettext as _

from accounts.errors import Conflict, NotFound
from registry.mlflow import transport
from registry.mlflow.artifacts import folder_of
from registry.mlflow.entities import (
    Artifact,
    Experiment,
    LoggedModel,
    Metric,
    ModelVersion,
    Page,
    RegisteredModel,
    Run,
)
from registry.mlflow.failures import error_of
from registry.mlflow.workspaces import HEADER

V2 = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
_HISTORY_PAGE = 10_000
Pairs = Mapping[str, str]


def _listed(values: Pairs | None) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in (values or {}).items()]


def _number(value: float) -> float | str:
    """JSON has no NaN and no infinities: MLflow takes their names."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


@dataclass(frozen=True, slots=True)
class Mlflow:
    """MLflow as one account sees it."""

    account_id: UUID

    def _get(self, path: str, /, **params: Any) -> Any:
        kept = {name: value for name, value in params.items() if value not in (None, "")}
        return transport.call(self.account_id, "GET", path, params=kept)

    def _send(self, method: str, path: str, /, **body: Any) -> Any:
        kept = {name: value for name, value in body.items() if value is not None}
        return transport.call(self.account_id, method, path, json=kept)

    def ensure_workspace(self) -> str:
        """Make the account's workspace if there is none; returns its name. Every other method does this by
        itself.
        """
        return transport.ensure_workspace(self.account_id)

    # Experiments

    def ensure_experiment(self, name: str, tags: Pairs | None = None) -> Experiment:
        """Return the experiment of this name, made if there is none; `Conflict` where one of that name is
        deleted.
        """
        found = self.find_experiment(name)
        if found is None:
            try:
                made = self._send("POST", f"{V2}/experiments/create", name=name, tags=_listed(tags))
            except Conflict:
                found = self.find_experiment(name)  # another process was faster
            else:
                return self.experiment(str(made["experiment_id"]))
        if found is None or found.lifecycle_stage != "active":
            raise Conflict(
                "experiment.deleted",
                _("The experiment “%(name)s” is deleted. Restore it, or choose another name.")
                % {"name": name},
            )
        return found

    def find_experiment(self, name: str) -> Experiment | None:
        """Return the experiment of this name, deleted ones included, or None."""
        try:
            return Experiment.of(
                self._get(f"{V2}/experiments/get-by-name", experiment_name=name)["experiment"]
            )
        except NotFound:
            return None

    def experiment(self, experiment_id: str) -> Experiment:
        """Return one experiment."""
        return Experiment.of(self._get(f"{V2}/experiments/get", experiment_id=experiment_id)["experiment"])

    def search_experiments(
        self, filter: str = "", *, limit: int = 100, token: str = "", deleted: bool = False
    ) -> Page[Experiment]:
        """Return a page of experiments, the last changed first; `filter` in MLflow's language."""
        found = self._send(
            "POST",
            f"{V2}/experiments/search",
            filter=filter,
            max_results=limit,
            page_token=token or None,
            order_by=["last_update_time DESC"],
            view_type="DELETED_ONLY" if deleted else "ACTIVE_ONLY",
        )
        return Page(
            [Experiment.of(item) for item in found.get("experiments", ())], found.get("next_page_token", "")
        )

    # Runs

    def create_run(
        self, experiment_id: str, name: str, *, tags: Pairs | None = None, started_ms: int = 0
    ) -> Run:
        """Start a run; `started_ms` is milliseconds since 1970."""
        made = self._send(
            "POST",
            f"{V2}/runs/create",
            experiment_id=experiment_id,
            run_name=name,
            start_time=started_ms,
            tags=_listed(tags),
        )
        return Run.of(made["run"])

    def run(self, run_id: str) -> Run:
        """Return one run."""
        return Run.of(self._get(f"{V2}/runs/get", run_id=run_id)["run"])

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        filter: str = "",
        *,
        order_by: Sequence[str] = ("attributes.start_time DESC",),
        limit: int = 100,
        token: str = "",
        deleted: bool = False,
    ) -> Page[Run]:
        """Return a page of runs of some experiments; none of them gives an empty page, not every run."""
        if not experiment_ids:
            return Page([])
        found = self._send(
            "POST",
            f"{V2}/runs/search",
            experiment_ids=list(experiment_ids),
            filter=filter,
            order_by=list(order_by),
            max_results=limit,
            page_token=token or None,
            run_view_type="DELETED_ONLY" if deleted else "ACTIVE_ONLY",
        )
        return Page([Run.of(item) for item in found.get("runs", ())], found.get("next_page_token", ""))

    def metric_history(self, run_id: str, key: str) -> Iterator[Metric]:
        """Yield every value logged for a metric, page by page, in MLflow's order (time, step)."""
        token = ""
        while True:
            found = self._get(
                f"{V2}/metrics/get-history",
                run_id=run_id,
                metric_key=key,
                max_results=_HISTORY_PAGE,
                page_token=token,
            )
            yield from map(Metric.of, found.get("metrics", ()))
            token = found.get("next_page_token", "")
            if not token:
                return

    def log_batch(
        self,
        run_id: str,
        *,
        metrics: Iterable[tuple[str, float, int, int]] = (),
        params: Pairs | None = None,
        tags: Pairs | None = None,
    ) -> None:
        """Log metrics (key, value, milliseconds since 1970, step), parameters and tags; at most 1000 metrics
        at once.
        """
        self._send(
            "POST",
            f"{V2}/runs/log-batch",
            run_id=run_id,
            metrics=[
                {"key": key, "value": _number(value), "timestamp": at, "step": step}
                for key, value, at, step in metrics
            ],
            params=_listed(params),
            tags=_listed(tags),
        )

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        """Set one tag of a run."""
        self._send("POST", f"{V2}/runs/set-tag", run_id=run_id, key=key, value=value)

    def update_run(
        self, run_id: str, *, status: str | None = None, ended_ms: int | None = None, name: str | None = None
    ) -> None:
        """Change a run's status (RUNNING, FINISHED, FAILED, KILLED), end or name."""
        self._send(
            "POST", f"{V2}/runs/update", run_id=run_id, status=status, end_time=ended_ms, run_name=name
        )

    def set_terminated(self, run_id: str, status: str, ended_ms: int) -> None:
        """End a run that has not ended; one that has keeps its status and end."""
        if self.run(run_id).status in ("RUNNING", "SCHEDULED"):
            self.update_run(run_id, status=status, ended_ms=ended_ms)

    def delete_run(self, run_id: str) -> None:
        """Mark a run as deleted."""
        self._send("POST", f"{V2}/runs/delete", run_id=run_id)

    # Artifacts

    def artifacts(self, run_id: str, path: str = "") -> list[Artifact]:
        """List one folder of a run's artifacts."""
        return [
            Artifact.of(item)
            for item in self._get(f"{V2}/artifacts/list", run_id=run_id, path=path).get("files", ())
        ]

    def logged_model(self, model_id: str) -> LoggedModel:
        """Return one logged model."""
        return LoggedModel.of(self._get(f"{V2}/logged-models/{quote(model_id, safe='')}")["model"])

    def model_artifacts(self, model_id: str, path: str = "") -> list[Artifact]:
        """List one folder of a logged model's files."""
        address = f"{V2}/logged-models/{quote(model_id, safe='')}/artifacts/directories"
        return [
            Artifact.of(item) for item in self._get(address, artifact_directory_path=path).get("files", ())
        ]

    @contextmanager
    def open_artifact(self, uri: str, path: str, *, range: str = "") -> Iterator[httpx.Response]:
        """Open a file below an artifact address (`run.artifact_uri`, `model.artifact_uri`) for streaming.

        Read it with `iter_bytes()`; `range` is an HTTP Range such as `bytes=0-1023`. Recording that somebody
        read it is the caller's part.
        """
        workspace = self.ensure_workspace()
        address = f"{FILES}/{quote(f'{folder_of(uri, workspace)}/{path}')}"
        headers = {HEADER: workspace, **({"Range": range} if range else {})}
        with transport.reachable(), transport.client().stream("GET", address, headers=headers) as response:
            if response.status_code >= 400:
                response.read()
                raise error_of(response)
            yield response

    # Registered models

    def search_models(self, filter: str = "", *, limit: int = 100, token: str = "") -> Page[RegisteredModel]:
        """Return a page of registered models by name."""
        found = self._get(
            f"{V2}/registered-models/search", filter=filter, max_results=limit, page_token=token
        )
        items = found.get("registered_models", ())
        return Page([RegisteredModel.of(item) for item in items], found.get("next_page_token", ""))

    def model(self, name: str) -> RegisteredModel:
        """Return one registered model."""
        return RegisteredModel.of(self._get(f"{V2}/registered-models/get", name=name)["registered_model"])

    def ensure_model(self, name: str, description: str = "") -> RegisteredModel:
        """Return the registered model of this name, made if there is none."""
        try:
            made = self._send("POST", f"{V2}/registered-models/create", name=name, description=description)
        except Conflict:
            return self.model(name)
        return RegisteredModel.of(made["registered_model"])

    def search_versions(self, filter: str = "", *, limit: int = 100, token: str = "") -> Page[ModelVersion]:
        """Return a page of model versions, the newest first; `filter` in MLflow's language (`name='…'`)."""
        found = self._get(
            f"{V2}/model-versions/search",
            filter=filter,
            max_results=limit,
            page_token=token,
            order_by=["creation_timestamp DESC"],
        )
        return Page(
            [ModelVersion.of(item) for item in found.get("model_versions", ())],
            found.get("next_page_token", ""),
        )

    def versions(self, name: str) -> list[ModelVersion]:
        """Return a model's versions, the newest first; at most 1000."""
        quoted = name.replace("'", "''")
        found = self.search_versions(f"name = '{quoted}'", limit=1000).items
        return sorted(found, key=lambda item: -item.version)

    def version(self, name: str, version: int) -> ModelVersion:
        """Return one version."""
        return ModelVersion.of(
            self._get(f"{V2}/model-versions/get", name=name, version=str(version))["model_version"]
        )

    def version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """Return the version that an alias points to."""
        return ModelVersion.of(
            self._get(f"{V2}/registered-models/alias", name=name, alias=alias)["model_version"]
        )

    def create_version(
        self,
        name: str,
        source: str,
        *,
        run_id: str = "",
        model_id: str = "",
        description: str = "",
        tags: Pairs | None = None,
    ) -> ModelVersion:
        """Register what lies at `source` (`models:/m-…` with its model_id, or below the run's artifact
        address).
        """
        made = self._send(
            "POST",
            f"{V2}/model-versions/create",
            name=name,
            source=source,
            run_id=run_id or None,
            model_id=model_id or None,
            description=description or None,
            tags=_listed(tags),
        )
        return ModelVersion.of(made["model_version"])

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Point an alias to a version."""
        self._send("POST", f"{V2}/registered-models/alias", name=name, alias=alias, version=str(version))

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias."""
        self._send("DELETE", f"{V2}/registered-models/alias", name=name, alias=alias)

    def set_version_tag(self, name: str, version: int, key: str, value: str) -> None:
        """Set one tag of a version."""
        self._send(
            "POST", f"{V2}/model-versions/set-tag", name=name, version=str(version), key=key, value=value
        )

    def files_of(self, version: ModelVersion) -> tuple[str, list[Artifact]]:
        """Return the artifact address of a version's files and all of them, folders walked through."""
        if version.model_id:
            root = self.logged_model(version.model_id).artifact_uri
        else:
            root = self._get(
                f"{V2}/model-versions/get-download-uri", name=version.name, version=str(version.version)
            )["artifact_uri"]
        return root, list(self._walk(root))

    def _walk(self, uri: str, folder: str = "") -> Iterator[Artifact]:
        base = folder_of(uri, self.ensure_workspace())
        listed = self._get(FILES, path=f"{base}/{folder}" if folder else base)
        for item in map(Artifact.of, listed.get("files", ())):
            path = f"{folder}/{item.path}" if folder else item.path
            if item.is_dir:
                yield from self._walk(uri, path)
            else:
                yield Artifact(path, False, item.size)
