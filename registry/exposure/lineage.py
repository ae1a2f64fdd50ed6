"""What was made from a dataset version: jobs that read it, their runs, models registered from those, endpoints.

Jobs, revisions and endpoints are the portal's own rows. Which runs are nested in a job's, and which models were
registered from a run, is what MLflow knows: while it does not answer, `Lineage.complete` is false.
"""

from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import BooleanField, F, Func, Q, QuerySet, Value

from accounts.errors import PortalError
from registry.mlflow.client import Mlflow
from registry.models import DatasetVersion, Revision, TrainingJob

MOST = 500
PARENT = "mlflow.parentRunId"


@dataclass(frozen=True, slots=True)
class Made:
    """A thing in the lineage. `kind` and `id` are what audit records call it; `source` is what it was made from."""

    kind: str
    id: str
    label: str
    source: str = ""

    @property
    def key(self) -> str:
        """The audit log's `type:id`."""
        return f"{self.kind}:{self.id}"


@dataclass(slots=True)
class Lineage:
    """A version and what was made from it, in this order; `revisions` are numbers of an endpoint's that serve it."""

    things: list[Made]
    complete: bool = True
    runs: dict[str, str] = field(default_factory=dict)
    logged_models: dict[str, Made] = field(default_factory=dict)
    revisions: dict[UUID, list[int]] = field(default_factory=dict)

    def of(self, kind: str) -> list[Made]:
        """The things of one kind."""
        return [thing for thing in self.things if thing.kind == kind]


def jobs_reading(version_id: UUID) -> QuerySet[TrainingJob]:
    """Return the training jobs, in the open scope, that had this version among their inputs."""
    path = Value(f'$.* ? (@.id == "{version_id}")')
    named = Func(
        F("inputs"),
        path,
        function="jsonb_path_exists",
        template="%(function)s(%(expressions)s::jsonpath)",
        output_field=BooleanField(),
    )
    rows: QuerySet[TrainingJob] = TrainingJob.objects.alias(reads=named).filter(reads=True)
    return rows.select_related("source__project").order_by("number")


def lineage_of(version: DatasetVersion) -> Lineage:
    """Return what was made from a version of the account in scope."""
    root = Made("datasetversion", str(version.pk), version.label)
    lineage = Lineage([root])
    jobs = list(jobs_reading(version.pk)[:MOST])
    for job in jobs:
        made = Made("trainingjob", str(job.pk), job.label, root.key)
        lineage.things.append(made)
        if job.run_id:
            lineage.runs[job.run_id] = made.key
    models = _from_mlflow(
        version.account_id, lineage, {job.experiment_id for job in jobs if job.experiment_id}
    )
    lineage.things += [Made("run", run_id, run_id, source) for run_id, source in lineage.runs.items()]
    lineage.things += models.values()
    _endpoints(lineage, models)
    return lineage


def _from_mlflow(account_id: UUID, lineage: Lineage, experiments: set[str]) -> dict[tuple[str, int], Made]:
    """Add nested runs to the lineage's; return the model versions that were registered from any of its runs."""
    models: dict[tuple[str, int], Made] = {}
    if not lineage.runs:
        return models
    mlflow = Mlflow(account_id)
    try:
        nested = mlflow.search_runs(sorted(experiments), f"tags.`{PARENT}` LIKE '%'", limit=1000)
        for run in sorted(nested.items, key=lambda run: run.id):
            if run.parent_id in lineage.runs:
                lineage.runs.setdefault(run.id, f"run:{run.parent_id}")
        quoted = ", ".join(f"'{run_id}'" for run_id in lineage.runs)
        found = mlflow.search_versions(f"run_id IN ({quoted})", limit=1000)
    except PortalError as error:
        if error.status < 500:
            raise
        lineage.complete = False
        return models
    lineage.complete = not (nested.token or found.token)
    for each in sorted(found.items, key=lambda item: (item.name, item.version)):
        label = f"{each.name} v{each.version}"
        made = Made("modelversion", f"{each.name}/{each.version}", label, f"run:{each.run_id}")
        models[each.name, each.version] = made
        if each.model_id:
            lineage.logged_models[each.model_id] = made
    return models


def _endpoints(lineage: Lineage, models: dict[tuple[str, int], Made]) -> None:
    """Add the endpoints that ever served one of the models, or a model of one of the runs."""
    served = Q(run_id__in=list(lineage.runs))
    for name, number in models:
        served |= Q(model_name=name, model_version=number)
    if not lineage.runs:
        return
    seen: set[UUID] = set()
    rows = Revision.objects.filter(served).select_related("endpoint").order_by("endpoint_id", "number")
    for revision in rows[:MOST]:
        lineage.revisions.setdefault(revision.endpoint_id, []).append(revision.number)
        if (revision.model_name, revision.model_version) not in models:
            label = f"{revision.model_name} v{revision.model_version}"
            pk = f"{revision.model_name}/{revision.model_version}"
            made = Made("modelversion", pk, label, f"run:{revision.run_id}")
            models[revision.model_name, revision.model_version] = made
            lineage.things.append(made)
        if revision.endpoint_id not in seen:
            seen.add(revision.endpoint_id)
            source = models[revision.model_name, revision.model_version].key
            endpoint = revision.endpoint
            lineage.things.append(Made("endpoint", str(endpoint.pk), endpoint.label, source))
