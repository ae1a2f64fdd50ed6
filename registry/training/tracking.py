"""A job's MLflow run: made once, ended once, and its model registered once, however often a step is taken again."""

import time

from django.utils.translation import gettext as _

from accounts.errors import NotFound
from projects.operations import Failed
from registry.mlflow.client import Mlflow
from registry.mlflow.entities import ModelVersion, Run
from registry.models import TrainingJob

JOB_TAG = "portal.job"
SENSITIVITY_TAG = "portal.made_from"


def now_ms() -> int:
    """Milliseconds since 1970, MLflow's time."""
    return int(time.time() * 1000)


def ensure_run(job: TrainingJob, user: str) -> Run:
    """Return the run of a job, made if there is none: a crash between making and remembering makes no second one."""
    mlflow = Mlflow(job.account_id)
    experiment = mlflow.ensure_experiment(job.experiment_name)
    found = mlflow.search_runs([experiment.id], f"tags.`{JOB_TAG}` = '{job.pk}'", limit=1).items
    if found:
        return found[0]
    source = job.source
    tags = {
        JOB_TAG: str(job.pk),
        "mlflow.user": user,
        "mlflow.source.type": "PROJECT",
        "mlflow.source.name": source.git_url or source.label,
        "mlflow.project.entryPoint": job.entry_point,
        "portal.job.number": str(job.number),
    }
    if source.commit:
        tags["mlflow.source.git.commit"] = source.commit
    if job.made_from:
        tags[SENSITIVITY_TAG] = job.made_from
    for parameter, mount in job.inputs.items():
        tags[f"portal.input.{parameter}"] = f"{mount['dataset']}@{mount['version']}"
    run = mlflow.create_run(
        experiment.id, f"{source.project.name}-{job.number}", tags=tags, started_ms=now_ms()
    )
    # MLflow's own project runner logs an entry point's parameters before it starts: so do we.
    mlflow.log_batch(run.id, params=job.parameters)
    return run


def end_run(job: TrainingJob, status: str) -> None:
    """End the job's run with FINISHED, FAILED or KILLED, unless it has ended."""
    if job.run_id:
        Mlflow(job.account_id).set_terminated(job.run_id, status, now_ms())


def close_runs(job: TrainingJob, status: str) -> tuple[str, str]:
    """End every run of an ended job that has not ended; return the ids of its run and experiment, empty for none.

    Finds also a run that was made but never remembered, because its worker was killed in between.
    """
    mlflow = Mlflow(job.account_id)
    experiment = mlflow.find_experiment(job.experiment_name)
    runs: dict[str, Run] = {}
    if experiment is not None:
        found = mlflow.search_runs([experiment.id], f"tags.`{JOB_TAG}` = '{job.pk}'", limit=10).items
        runs = {run.id: run for run in reversed(found)}
    if job.run_id and job.run_id not in runs:
        try:
            runs = {job.run_id: mlflow.run(job.run_id), **runs}
        except NotFound:
            return job.run_id, job.experiment_id  # deleted for good: nothing is left to close
    for run in runs.values():
        if run.status in ("RUNNING", "SCHEDULED"):
            mlflow.update_run(run.id, status=status, ended_ms=now_ms())
    kept = runs.get(job.run_id) or next(iter(runs.values()), None)
    return (kept.id, kept.experiment_id) if kept is not None else ("", "")


def register_model(job: TrainingJob) -> tuple[ModelVersion, bool]:
    """Register the model that a job's run logged, as the job asked; the second value is whether it was made now.

    Raises `Failed` where the run logged no model.
    """
    mlflow = Mlflow(job.account_id)
    mlflow.ensure_model(job.register_as)
    for version in mlflow.versions(job.register_as):
        if version.run_id == job.run_id:
            return version, False
    run = mlflow.run(job.run_id)
    if not run.model_ids:
        raise Failed(
            _("The run ended well but logged no model, so there is nothing to register as “%(name)s”.")
            % {"name": job.register_as}
        )
    model_id = run.model_ids[-1]
    version = mlflow.create_version(job.register_as, f"models:/{model_id}", run_id=run.id, model_id=model_id)
    return version, True
