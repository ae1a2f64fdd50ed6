"""A training job as a workload: what runs, with which files, and with which token."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit import Actor
from accounts.errors import Conflict
from accounts.tenancy import scope
from clusters.actions import Owner
from clusters.local.hooks import Log
from clusters.models import Workload
from clusters.plans import EnvironmentPlan, Plan
from projects.actions.tokens import mint_run_token
from projects.models import Operation, Project, Token
from projects.operations import wake
from registry.datasets.access import open_for_job
from registry.models import TrainingJob
from registry.training.launch import INPUTS, Limits, internal_url
from registry.training.sources import project_root, unpack

OWNER = "trainingjob"
TOKEN_MARGIN = timedelta(hours=1)


def owner_of(job: TrainingJob) -> Owner:
    """Whom the job's workload works for."""
    return Owner(OWNER, job.pk, job.label)


def plan_of(job: TrainingJob) -> Plan:
    """What the cluster is asked to run for a job."""
    limits = Limits(**job.limits)
    slug = Project.objects.values_list("slug", flat=True).get()
    return Plan(
        # MLflow runs an entry point's command with bash, in the project's folder.
        argv=("bash", "-c", job.command),
        env={
            "MLFLOW_TRACKING_URI": f"{internal_url()}/api/v1/projects/{slug}/mlflow",
            "MLFLOW_RUN_ID": job.run_id,
            "MLFLOW_EXPERIMENT_ID": job.experiment_id,
            "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "GIT_PYTHON_REFRESH": "quiet",
            # OpenMP sees the machine's cores, not the job's share of them, and spins on what it does not get.
            "OMP_NUM_THREADS": str(limits.cpus),
            "PYTHONUNBUFFERED": "1",
        },
        environment=EnvironmentPlan(python=job.source.python, requirements=tuple(job.source.requirements)),
        limits={"cpus": limits.cpus, "memory": limits.memory, "wall_seconds": limits.seconds},
    )


def _job(workload: Workload) -> TrainingJob:
    found: TrainingJob = TrainingJob.objects.select_related(
        "source__project", "source__content", "operation"
    ).get(pk=workload.owner_id)
    return found


@contextmanager
def _acting(workload: Workload) -> Iterator[TrainingJob]:
    """Enter the job's account as the job itself, on behalf of who launched it."""
    with scope(workload.account_id):
        job = _job(workload)
        actor = Actor("run", str(job.pk), job.label, job.created_by_label)
        with audit.acting_as(actor, via="task"):
            yield job


def prepare(workload: Workload, folder: Path, log: Log) -> None:
    """Write the source and the input datasets into a job's working folder.

    What is read is on record, in a transaction that has ended before the bytes of a dataset flow.
    """
    with _acting(workload) as job:
        log(_("Unpacking %(source)s") % {"source": job.source.label})
        _unpack_into(job, folder)
        inputs = [
            (
                parameter,
                mount,
                open_for_job(
                    UUID(mount["id"]),
                    user_id=job.operation.user_id,
                    on_behalf_of=job.created_by_label,
                    job=job.label,
                ),
            )
            for parameter, mount in job.inputs.items()
        ]
    for parameter, mount, files in inputs:
        log(
            _("Copying dataset %(name)s version %(version)s")
            % {"name": mount["dataset"], "version": mount["version"]}
        )
        _write_files(folder / INPUTS / parameter, files)


def _unpack_into(job: TrainingJob, folder: Path) -> None:
    staging = folder.parent / f".{folder.name}.source"
    shutil.rmtree(staging, ignore_errors=True)
    unpack(job.source, staging)
    for entry in project_root(staging).iterdir():
        os.rename(entry, folder / entry.name)
    shutil.rmtree(staging)


def _write_files(target: Path, files: Iterator[tuple[str, Iterator[bytes]]]) -> None:
    target.mkdir(parents=True)
    for path, pieces in files:
        file = target / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as out:
            for piece in pieces:
                out.write(piece)
        file.chmod(0o444)


def secrets(workload: Workload) -> dict[str, str]:
    """Mint the token with which the job reaches MLflow and its data; it dies with the job.

    Raises `Conflict` where the job has ended meanwhile: a token made now would outlive it.
    """
    with _acting(workload) as job:
        if job.operation.finished:
            raise Conflict("training.ended", _("The job had ended before its program could start."))
        token = mint_run_token(
            user_id=job.operation.user_id,
            purpose=Token.Purpose.RUN,
            name=f"job #{job.number}",
            workload_id=workload.pk,
            run_id=job.run_id,
            scopes=job.operation.payload.get("scopes"),
            lifetime=timedelta(seconds=Limits(**job.limits).seconds) + TOKEN_MARGIN,
        )
    return {"MLFLOW_TRACKING_TOKEN": token}


def changed(workload: Workload) -> None:
    """Wake the operation that follows this job."""
    with scope(workload.account_id):
        operation = Operation.objects.filter(training_jobs=workload.owner_id).first()
        if operation is not None:
            wake(operation)
