"""Launching: check everything that can be wrong while the person still looks, then write the job down."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Max
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit import Target
from accounts.errors import Conflict, Forbidden, Invalid, NotFound
from accounts.ids import uuid7
from clusters.plans import default_limits
from clusters.states import Kind
from projects import operations
from projects.doors import Grant
from projects.models import Operation, Project
from projects.operations.submit import earlier
from projects.permissions import RUN_PERMISSIONS, Permission
from registry.datasets.errors import Gone
from registry.datasets.find import find_dataset, find_version, latest_version
from registry.datasets.sensitivity import highest, require_access
from registry.models import DatasetVersion, TrainingJob, TrainingProject, TrainingSource
from registry.models.training import NAME
from registry.training.sources import mlproject_of

KIND = "training.run"
INPUTS = "inputs"
_TRACKING = (Permission.MLFLOW_READ, Permission.MLFLOW_WRITE)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one job may use: CPUs at once, memory in bytes, wall-clock seconds."""

    cpus: int
    memory: int
    seconds: int

    @classmethod
    def of(
        cls, *, cpus: int | None = None, memory: int | None = None, seconds: int | None = None
    ) -> "Limits":
        """What is asked for, and for the rest what this installation gives to a job that asks for nothing."""
        standard = default_limits(Kind.JOB)
        return cls(cpus or standard.cpus, memory or standard.memory, seconds or standard.wall_seconds)

    def problems(self) -> dict[str, list[str]]:
        """Sentences for each value out of bounds."""
        bounds = {"cpus": (1, 64), "memory": (64 << 20, 256 << 30), "seconds": (10, 7 * 24 * 3600)}
        return {
            f"limits.{name}": [_("Between %(low)d and %(high)d.") % {"low": low, "high": high}]
            for name, (low, high) in bounds.items()
            if not low <= getattr(self, name) <= high
        }


@dataclass(frozen=True, slots=True)
class Launch:
    """What a person asks for. `inputs` maps a parameter of type path to `dataset` or `dataset@version`."""

    entry_point: str = "main"
    parameters: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    experiment: str = ""
    register_as: str = ""
    source: int | None = None
    limits: Limits = field(default_factory=Limits.of)


def create_project(grant: Grant, name: str, description: str = "") -> TrainingProject:
    """Make an empty training project. Raises `Invalid` for a bad name, `Conflict` for one that is taken."""
    if TrainingProject.objects.filter(name=name).exists():
        raise Conflict(
            "training.project_exists", _("There is a training project “%(name)s” already.") % {"name": name}
        )
    project = TrainingProject(name=name, description=description, created_by_label=grant.actor.person)
    try:
        project.clean_fields(exclude=["account"])
    except ValidationError as error:
        raise Invalid(
            "training.project_invalid",
            " ".join(message for messages in error.message_dict.values() for message in messages),
            errors=error.message_dict,
        ) from None
    project.save(force_insert=True)
    audit.record("training.project", project)
    return project


def find_project(name: str) -> TrainingProject:
    """Return a training project by name; raises `NotFound`."""
    found = TrainingProject.objects.filter(name=name).first()
    if found is None:
        raise NotFound(
            "training.project_not_found", _("There is no training project “%(name)s” here.") % {"name": name}
        )
    returned: TrainingProject = found
    return returned


def _source_of(project: TrainingProject, number: int | None) -> TrainingSource:
    sources = TrainingSource.objects.filter(project=project).select_related("project").order_by("-number")
    source = (sources.filter(number=number) if number else sources).first()
    if source is None:
        raise Conflict(
            "training.no_source",
            _("“%(name)s” has no source %(number)s yet: upload its folder, or fetch it from git.")
            % {"name": project.name, "number": number or ""},
        )
    returned: TrainingSource = source
    return returned


def _version(grant: Grant, name: str, number: str) -> DatasetVersion:
    """The sealed version that `name@number` (or just `name`, the newest) means; raises `NotFound`."""
    version = find_version(grant, name, int(number)) if number else latest_version(find_dataset(grant, name))
    if version is None or version.state != DatasetVersion.State.READY:
        raise NotFound(
            "dataset.not_ready", _("“%(name)s” has no sealed version to train on yet.") % {"name": name}
        )
    return version


def _inputs(
    grant: Grant, asked: dict[str, str], types: dict[str, Any]
) -> tuple[dict[str, dict[str, Any]], dict[str, str], str]:
    """Resolve datasets to versions; returns what to mount, the parameter values that lead there, and how sensitive the
    most sensitive of them is.
    """
    mounts: dict[str, dict[str, Any]] = {}
    values: dict[str, str] = {}
    errors: dict[str, list[str]] = {}
    levels: list[str] = []
    for parameter, wanted in asked.items():
        if types.get(parameter, {}).get("type") not in ("path", "uri"):
            errors[f"inputs.{parameter}"] = [
                _("“%(name)s” is not a parameter of type path of this entry point.") % {"name": parameter}
            ]
            continue
        name, _at, number = wanted.partition("@")
        if number and not number.isdecimal():
            errors[f"inputs.{parameter}"] = [_("Write dataset or dataset@version, such as wafers@3.")]
            continue
        try:
            version = _version(grant, name, number)
            require_access(grant, version.dataset)
        except (NotFound, Forbidden, Gone) as missing:
            errors[f"inputs.{parameter}"] = [str(missing)]
            continue
        mounts[parameter] = {"dataset": name, "version": version.number, "id": str(version.pk)}
        levels.append(version.dataset.sensitivity)
        values[parameter] = f"{INPUTS}/{parameter}"
    if errors:
        raise Invalid("training.inputs_invalid", _("Some inputs cannot be used."), errors=errors)
    if mounts:
        grant.require(Permission.DATASET_DOWNLOAD)
    return mounts, values, highest(levels)


def launch(
    grant: Grant,
    project: TrainingProject,
    asked: Launch,
    *,
    idempotency_key: str = "",
    retry_of: int | None = None,
) -> TrainingJob:
    """Write a job and its operation down; a worker takes it from there.

    Raises `Conflict` (no source), `Unprocessable` (no such entry point), `Invalid` naming each bad parameter, input,
    limit or name. The same `idempotency_key` gives the same job.
    """
    request = {"project": project.name, **asdict(asked)}
    if idempotency_key:
        digest = hashlib.sha256(
            json.dumps([KIND, "", "", request], sort_keys=True, default=str).encode()
        ).hexdigest()
        before = earlier(grant, idempotency_key, digest)
        if before is not None:
            returned: TrainingJob = TrainingJob.objects.select_related("source__project", "operation").get(
                operation=before
            )
            return returned
    source = _source_of(project, asked.source)
    problems = asked.limits.problems()
    if asked.register_as:
        try:
            NAME(asked.register_as)
        except ValidationError as error:
            problems["register_as"] = error.messages
    if problems:
        raise Invalid(
            "training.invalid", _("The job was not launched: some values cannot be used."), errors=problems
        )
    types = source.parameters_of(asked.entry_point)
    mounts, values, made_from = _inputs(grant, asked.inputs, types)
    bound = mlproject_of(source).bind(asked.entry_point, {**asked.parameters, **values})
    Project.objects.select_for_update().get()
    number = (TrainingJob.objects.aggregate(last=Max("number"))["last"] or 0) + 1
    job = TrainingJob(
        id=uuid7(),
        account_id=grant.account_id,
        number=number,
        source=source,
        entry_point=bound.entry_point,
        parameters=bound.parameters,
        inputs=mounts,
        made_from=made_from,
        command=bound.command,
        experiment_name=asked.experiment or project.name,
        register_as=asked.register_as,
        limits=asdict(asked.limits),
        retry_of=retry_of,
        created_by_label=grant.actor.person,
    )
    job.operation = operations.submit(
        KIND,
        target=Target("trainingjob", str(job.pk), f"#{number} {project.name}"),
        payload={"job": str(job.pk), **_scopes(grant)},
        grant=grant,
        permission=Permission.TRAINING_LAUNCH,
        idempotency_key=idempotency_key,
        request=request,
    )
    if job.operation.payload.get("job") != str(job.pk):
        # The same key arrived twice at the same moment: the other request made the job.
        returned = TrainingJob.objects.select_related("source__project", "operation").get(
            operation=job.operation
        )
        return returned
    job.save(force_insert=True)
    audit.record(
        "training.launch",
        job,
        detail={
            "parameters": bound.parameters,
            "inputs": {name: f"{m['dataset']}@{m['version']}" for name, m in mounts.items()},
        },
    )
    return job


def _scopes(grant: Grant) -> dict[str, Any]:
    """What the job's own token is cut to where a token asks for the job: its program is whatever that token uploaded,
    and must not read data for it that it may not read itself. A job always tracks its run.
    """
    allowed = {str(p) for p in RUN_PERMISSIONS if p in grant.permissions or p in _TRACKING}
    if grant.token_id is None or allowed >= RUN_PERMISSIONS:
        return {}
    return {"scopes": sorted(allowed)}


def find_job(number: int) -> TrainingJob:
    """Return a job by its number; raises `NotFound`."""
    job = TrainingJob.objects.select_related("source__project", "operation").filter(number=number).first()
    if job is None:
        raise NotFound(
            "training.job_not_found", _("There is no training job #%(number)d here.") % {"number": number}
        )
    returned: TrainingJob = job
    return returned


def cancel(grant: Grant, job: TrainingJob) -> Operation:
    """Ask a job to stop. Raises `Conflict` where it has ended."""
    return operations.cancel(job.operation, grant)


def retry(grant: Grant, job: TrainingJob) -> TrainingJob:
    """Launch the same again: same source, same parameters, same data. Raises `Conflict` while it is under way."""
    if not job.operation.finished:
        raise Conflict(
            "training.not_finished", _("Job #%(number)d is still under way.") % {"number": job.number}
        )
    given = {name: value for name, value in job.parameters.items() if name not in job.inputs}
    asked = Launch(
        entry_point=job.entry_point,
        parameters=given,
        inputs={name: f"{mount['dataset']}@{mount['version']}" for name, mount in job.inputs.items()},
        experiment=job.experiment_name,
        register_as=job.register_as,
        source=job.source.number,
        limits=Limits(**job.limits),
    )
    return launch(grant, job.source.project, asked, retry_of=job.number)


def retry_operation(operation: Operation, grant: Grant) -> Operation:
    """Retry a job by its operation."""
    found = TrainingJob.objects.select_related("source__project", "operation").get(operation=operation)
    returned: Operation = retry(grant, found).operation
    return returned


def internal_url() -> str:
    """Where code on this machine reaches the portal."""
    return str(settings.INTERNAL_URL)
