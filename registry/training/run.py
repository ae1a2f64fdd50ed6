"""The operation `training.run`: make the MLflow run, have the workload run, follow it, and end both."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from accounts import audit
from accounts.audit import Target
from accounts.errors import PortalError
from clusters.actions import find_workload, start_workload, stop_workload
from clusters.models import Workload
from clusters.states import Desired, Kind, Phase
from projects.actions.tokens import revoke_workload_tokens
from projects.operations import Again, Done, Failed, Work
from projects.operations.registry import Cancelled
from registry.datasets.deletion.tombstone import require_there
from registry.datasets.errors import Gone
from registry.datasets.sensitivity import holder_may_have
from registry.models import DatasetVersion, TrainingJob
from registry.training import tracking
from registry.training.workload import OWNER, owner_of, plan_of

# The agent wakes the operation when something changes; this is for when its word is lost.
LOOK_AGAIN = 5.0


def advance(work: Work) -> Done | Again:
    """Take the next step of a job."""
    with work.scope():
        job = _job(work)
    if not job.run_id:
        if work.cancel_requested:
            raise Cancelled
        work.stage(noop("Preparing the run"), 0.02)
        _make_run(work, job)
    workload = _workload(work, job)
    if workload is None:
        if work.cancel_requested:
            tracking.end_run(job, "KILLED")
            raise Cancelled
        _start(work, job)
        return Again(LOOK_AGAIN)
    if work.cancel_requested and workload.desired == Desired.RUNNING:
        with work.scope():
            stop_workload(workload)
        work.stage(noop("Stopping"))
        return Again(LOOK_AGAIN)
    return _follow(work, job, workload)


def _job(work: Work) -> TrainingJob:
    try:
        found: TrainingJob = TrainingJob.objects.select_related("source__project", "operation").get(
            pk=work.payload["job"]
        )
        return found
    except TrainingJob.DoesNotExist:
        raise Failed(_("The job's row is gone.")) from None


def _make_run(work: Work, job: TrainingJob) -> None:
    operation = work.operation
    run = tracking.ensure_run(job, operation.who)
    with work.scope():
        work.heartbeat()
        TrainingJob.objects.filter(pk=job.pk).update(run_id=run.id, experiment_id=run.experiment_id)
    job.run_id, job.experiment_id = run.id, run.experiment_id
    work.log(_("MLflow run %(run)s in experiment “%(name)s”.") % {"run": run.id, "name": job.experiment_name})


def _workload(work: Work, job: TrainingJob) -> Workload | None:
    with work.scope():
        return find_workload(OWNER, job.pk)


def _check_inputs(work: Work, job: TrainingJob) -> None:
    """What was true at the launch is looked at again: the data may be deleted, a grant may have ended."""
    ids = [mount["id"] for mount in job.inputs.values()]
    for version in DatasetVersion.objects.select_related("dataset").filter(pk__in=ids):
        try:
            require_there(version)
        except Gone as gone:
            raise Failed(str(gone)) from None
        if not holder_may_have(work.operation.user_id, version.dataset):
            raise Failed(
                _("%(who)s may no longer have the data of “%(name)s”.")
                % {"who": job.created_by_label, "name": version.dataset.name}
            )


def _start(work: Work, job: TrainingJob) -> None:
    with work.scope():
        _check_inputs(work, job)
        work.heartbeat()
        workload = start_workload(kind=Kind.JOB, owner=owner_of(job), plan=plan_of(job))
        TrainingJob.objects.filter(pk=job.pk).update(workload_id=workload.pk)
    work.stage(noop("Waiting for the machine"), 0.05)


STAGES = {
    Phase.PENDING: (noop("Waiting for the machine"), 0.05),
    Phase.PREPARING: (noop("Preparing files and environment"), 0.15),
    Phase.STARTING: (noop("Starting"), 0.35),
    Phase.RUNNING: (noop("Training"), 0.4),
    Phase.UNKNOWN: (noop("The machine does not answer"), None),
}


def _follow(work: Work, job: TrainingJob, workload: Workload) -> Done | Again:
    phase = workload.observed_phase
    if phase == Phase.SUCCEEDED:
        return _finish(work, job)
    if phase in (Phase.FAILED, Phase.STOPPED):
        with work.scope():
            revoke_workload_tokens(workload.pk)
        if work.cancel_requested:
            tracking.end_run(job, "KILLED")
            raise Cancelled
        tracking.end_run(job, "FAILED")
        raise Failed(workload.reason or _("The training program ended with an error; its log says which."))
    name, progress = STAGES[phase]
    if name != work.operation.stage:
        work.stage(name, progress)
    return Again(LOOK_AGAIN)


def _finish(work: Work, job: TrainingJob) -> Done:
    work.stage(noop("Registering the model") if job.register_as else noop("Closing the run"), 0.95)
    with work.scope():
        if job.workload_id:
            revoke_workload_tokens(job.workload_id)
    tracking.end_run(job, "FINISHED")
    result: dict[str, object] = {"run_id": job.run_id, "experiment_id": job.experiment_id, "job": job.number}
    if job.register_as:
        try:
            version, made = tracking.register_model(job)
        except PortalError as error:
            if error.status < 500:
                raise Failed(str(error)) from error
            raise
        if made:
            label = f"{version.name} v{version.version}"
            with work.scope():
                audit.record(
                    "model.register",
                    Target("modelversion", f"{version.name}/{version.version}", label),
                    detail={"run": job.run_id, "job": job.number},
                )
        result["model"] = {"name": version.name, "version": version.version}
        work.log(
            _("Registered as %(name)s, version %(version)d.")
            % {"name": version.name, "version": version.version}
        )
    return Done(result)
