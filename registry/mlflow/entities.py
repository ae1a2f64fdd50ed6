"""MLflow's things as the portal reads them: plain, typed, and only the fields that something uses."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")
Document = Mapping[str, Any]


def moment(milliseconds: Any) -> datetime | None:
    """MLflow's time (milliseconds since 1970, 0 or missing for none)."""
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) if milliseconds else None


def pairs(items: Iterable[Document] | None) -> dict[str, str]:
    """MLflow's lists of key and value as a dict."""
    return {str(item["key"]): str(item.get("value", "")) for item in items or ()}


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a search; `token` asks for the next one and is empty on the last."""

    items: list[T]
    token: str = ""


@dataclass(frozen=True, slots=True)
class Experiment:
    """A named set of runs. Its id comes from one sequence for all tenants."""

    id: str
    name: str
    lifecycle_stage: str
    created_at: datetime | None
    updated_at: datetime | None
    tags: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, found: Document) -> Self:
        return cls(
            str(found["experiment_id"]),
            str(found.get("name", "")),
            str(found.get("lifecycle_stage", "active")),
            moment(found.get("creation_time")),
            moment(found.get("last_update_time")),
            pairs(found.get("tags")),
        )


@dataclass(frozen=True, slots=True)
class Metric:
    """One logged value; `step` counts, `at` is when."""

    key: str
    value: float
    step: int
    at: datetime | None

    @classmethod
    def of(cls, found: Document) -> Self:
        # JSON has no infinities: MLflow writes them, and NaN, as text.
        value = float(found.get("value", 0.0))
        return cls(str(found["key"]), value, int(found.get("step", 0)), moment(found.get("timestamp")))


@dataclass(frozen=True, slots=True)
class Run:
    """One run: status (RUNNING, FINISHED, FAILED, KILLED, SCHEDULED), parameters, last metrics, tags."""

    id: str
    experiment_id: str
    name: str
    status: str
    started_at: datetime | None
    ended_at: datetime | None
    artifact_uri: str
    lifecycle_stage: str
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, Metric] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    model_ids: list[str] = field(default_factory=list)

    @property
    def parent_id(self) -> str:
        """The run that this one is nested in, or empty."""
        return self.tags.get("mlflow.parentRunId", "")

    @classmethod
    def of(cls, found: Document) -> Self:
        info, data = found["info"], found.get("data", {})
        outputs = found.get("outputs", {}).get("model_outputs", ())
        return cls(
            str(info["run_id"]),
            str(info["experiment_id"]),
            str(info.get("run_name", "")),
            str(info.get("status", "RUNNING")),
            moment(info.get("start_time")),
            moment(info.get("end_time")),
            str(info.get("artifact_uri", "")),
            str(info.get("lifecycle_stage", "active")),
            pairs(data.get("params")),
            {str(metric["key"]): Metric.of(metric) for metric in data.get("metrics", ())},
            pairs(data.get("tags")),
            [str(output["model_id"]) for output in outputs],
        )


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file or folder; `path` is relative to the root of its run or model, `size` in bytes."""

    path: str
    is_dir: bool
    size: int

    @classmethod
    def of(cls, found: Document) -> Self:
        return cls(str(found["path"]), bool(found.get("is_dir", False)), int(found.get("file_size", 0)))


@dataclass(frozen=True, slots=True)
class LoggedModel:
    """A model that a run logged, registered or not; `artifact_uri` is where its files lie."""

    id: str
    experiment_id: str
    name: str
    artifact_uri: str
    run_id: str
    status: str

    @classmethod
    def of(cls, found: Document) -> Self:
        info = found["info"]
        return cls(
            str(info["model_id"]),
            str(info["experiment_id"]),
            str(info.get("name", "")),
            str(info.get("artifact_uri", "")),
            str(info.get("source_run_id", "")),
            str(info.get("status", "")),
        )


def logged_model_of(source: str) -> str:
    """Return the logged model's id in a source such as `models:/m-…`, or nothing."""
    name = source.removeprefix("models:/")
    return name if source != name and name.startswith("m-") and "/" not in name else ""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version of a registered model; `source` is where its files lie (`models:/m-…` or an artifact
    address).
    """

    name: str
    version: int
    source: str
    run_id: str
    model_id: str
    status: str
    description: str
    created_at: datetime | None
    aliases: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, found: Document) -> Self:
        return cls(
            str(found["name"]),
            int(found["version"]),
            str(found.get("source", "")),
            str(found.get("run_id", "")),
            # MLflow tells the logged model by the source alone where its database row has no other trace of it.
            str(found.get("model_id", "")) or logged_model_of(str(found.get("source", ""))),
            str(found.get("status", "")),
            str(found.get("description", "")),
            moment(found.get("creation_timestamp")),
            [str(alias) for alias in found.get("aliases", ())],
            pairs(found.get("tags")),
        )


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A registered model; `aliases` maps each alias to its version's number."""

    name: str
    description: str
    created_at: datetime | None
    updated_at: datetime | None
    aliases: dict[str, int] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, found: Document) -> Self:
        return cls(
            str(found["name"]),
            str(found.get("description", "")),
            moment(found.get("creation_timestamp")),
            moment(found.get("last_updated_timestamp")),
            {str(item["alias"]): int(item["version"]) for item in found.get("aliases", ())},
            pairs(found.get("tags")),
        )
