"""What a decider ought to see of a model version, written down as it is when somebody asks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from accounts.errors import NotFound, PortalError, Unprocessable
from registry.mlflow.artifacts import folder_of
from registry.mlflow.client import Mlflow
from registry.mlflow.entities import ModelVersion, Run
from registry.mlproject.documents import load_yaml
from registry.models import TrainingJob

MOST_METRICS = 100
_DESCRIPTION = "MLmodel"
_DESCRIPTION_LIMIT = 256 * 1024  # bytes; a signature of thousands of columns is smaller


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric of the challenger beside the current version's; `difference` where both have a finite value."""

    key: str
    challenger: float | None
    current: float | None

    @property
    def difference(self) -> float | None:
        """How much more the challenger has."""
        if self.challenger is None or self.current is None:
            return None
        return self.challenger - self.current


def of_version(mlflow: Mlflow, version: ModelVersion) -> dict[str, Any]:
    """Return what is known of a version: its run and last metrics, the data it was made from, by whom, its signature.

    `signature` is None where the version's own description could not be read. Metrics without a finite value are None.
    """
    run = _run(mlflow, version.run_id)
    job = TrainingJob.objects.filter(run_id=version.run_id).first() if version.run_id else None
    logged = sorted(run.metrics.items())[:MOST_METRICS] if run is not None else []
    return {
        "version": version.version,
        "run_id": version.run_id,
        "run_name": run.name if run is not None else "",
        "metrics": {key: _finite(metric.value) for key, metric in logged},
        "datasets": [
            {"name": str(mount["dataset"]), "version": int(mount["version"])} for mount in job.inputs.values()
        ]
        if job is not None
        else [],
        "job": job.number if job is not None else None,
        "made_from": job.made_from if job is not None else "",
        "trained_by": _author(run, job),
        "signature": _signature(mlflow, version),
        "folders": folders_of(mlflow, version),
        "created_at": version.created_at.isoformat() if version.created_at else None,
    }


def folders_of(mlflow: Mlflow, version: ModelVersion) -> list[str]:
    """Where the files lie that the portal serves of a version, and those that MLflow's own clients load.
    `registry.mlflow.protection` keeps them from being replaced.
    """
    found: set[str] = set()
    workspace = mlflow.ensure_workspace()
    for address in _addresses(mlflow, version):
        try:
            found.add(folder_of(address, workspace))
        except PortalError as error:
            if error.status >= 500:
                raise
    return sorted(found)


def _addresses(mlflow: Mlflow, version: ModelVersion) -> Iterator[str]:
    """Yield addresses of artifacts. `runs:/<run>/<path>` means a path of the run, and a model that it logged by that
    name.
    """
    for address in {mlflow.root_of(version), mlflow.download_uri(version)}:
        run_id, _slash, path = address.removeprefix("runs:/").partition("/")
        if not address.startswith("runs:/"):
            yield address
        elif (run := _run(mlflow, run_id)) is not None:
            yield f"{run.artifact_uri}/{path}"
            logged = (mlflow.logged_model(model_id) for model_id in run.model_ids)
            yield from (model.artifact_uri for model in logged if model.name == path)


def compared(challenger: dict[str, Any] | None, current: dict[str, Any] | None) -> list[Compared]:
    """Return both versions' metrics side by side, by name."""
    mine: dict[str, float | None] = (challenger or {}).get("metrics", {})
    theirs: dict[str, float | None] = (current or {}).get("metrics", {})
    return [Compared(key, mine.get(key), theirs.get(key)) for key in sorted({*mine, *theirs})]


def _finite(value: float) -> float | None:
    return value if value - value == 0 else None


def _run(mlflow: Mlflow, run_id: str) -> Run | None:
    if not run_id:
        return None
    try:
        return mlflow.run(run_id)
    except NotFound:
        return None


def _author(run: Run | None, job: TrainingJob | None) -> str:
    if job is not None:
        return job.created_by_label
    return run.tags.get("mlflow.user", "") if run is not None else ""


def _signature(mlflow: Mlflow, version: ModelVersion) -> bool | None:
    """Whether a version's `MLmodel` names a signature; None where it cannot be told."""
    content = bytearray()
    try:
        with mlflow.open_artifact(mlflow.root_of(version), _DESCRIPTION) as response:
            for piece in response.iter_bytes():
                content += piece
                if len(content) > _DESCRIPTION_LIMIT:
                    return None
        return bool(load_yaml(_DESCRIPTION, bytes(content)).get("signature"))
    except (NotFound, Unprocessable):
        return None
    except PortalError as error:
        if error.status >= 500:
            raise
        return None
