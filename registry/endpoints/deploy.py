"""The operation `endpoint.deploy`: start the revision's server, wait until it answers, then switch to it."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from accounts import audit
from accounts.errors import PortalError
from clusters.actions import Owner, start_workload, stop_workload, workload_log
from clusters.models import Workload
from clusters.states import Kind, Phase
from projects.actions.tokens import revoke_workload_tokens
from projects.models import Operation
from projects.operations import Again, Done, Failed, Work
from projects.operations.registry import Cancelled
from registry.endpoints.actions import OWNER, workload_of
from registry.endpoints.workload import plan_of
from registry.mlflow.client import Mlflow
from registry.models import Endpoint, Revision

LOOK_AGAIN = 3.0
# A server that ended this often before it was ever ready will not become ready.
ENOUGH_RESTARTS = 2


def advance(work: Work) -> Done | Again:
    """Take the next step of a deployment."""
    with work.scope():
        revision = Revision.objects.select_related("endpoint").filter(pk=work.payload["revision"]).first()
        if revision is None:
            raise Failed(_("The endpoint was removed."))
        workload = workload_of(revision)
    if work.cancel_requested:
        _abandon(work, revision, workload, _("Cancelled."))
        raise Cancelled
    if workload is None:
        return _start(work, revision)
    if workload.ready and workload.observed_phase == Phase.RUNNING:
        return _switch(work, revision)
    ended = workload.phase in (Phase.FAILED, Phase.STOPPED, Phase.SUCCEEDED)
    if ended or workload.restarts >= ENOUGH_RESTARTS:
        why = _why(work, workload)
        _abandon(work, revision, workload, why)
        raise Failed(why)
    stage = (
        noop("Preparing files and environment")
        if workload.phase == Phase.PREPARING
        else noop("Loading the model")
    )
    if stage != work.operation.stage:
        work.stage(stage, 0.5 if workload.phase == Phase.PREPARING else 0.8)
    return Again(LOOK_AGAIN)


def _start(work: Work, revision: Revision) -> Again:
    work.stage(noop("Reading the model's requirements"), 0.1)
    mlflow = Mlflow(work.account_id)
    try:
        version = mlflow.version(revision.model_name, revision.model_version)
        plan = plan_of(work.account_id, mlflow, version)
    except PortalError as error:
        if error.status >= 500:
            raise
        _abandon(work, revision, None, str(error))
        raise Failed(str(error)) from error
    with work.scope():
        work.heartbeat()
        owner = Owner(OWNER, revision.pk, revision.label)
        workload = start_workload(kind=Kind.SERVICE, owner=owner, plan=plan)
        Revision.objects.filter(pk=revision.pk).update(workload_id=workload.pk)
    work.stage(noop("Waiting for the machine"), 0.2)
    return Again(LOOK_AGAIN)


def _switch(work: Work, revision: Revision) -> Done:
    with work.scope():
        work.heartbeat()
        endpoint = Endpoint.objects.select_for_update().get(pk=revision.endpoint_id)
        before = Revision.objects.filter(endpoint=endpoint, state=Revision.State.READY).exclude(
            pk=revision.pk
        )
        for old in before.select_related("endpoint"):
            workload = workload_of(old)
            if workload is not None:
                stop_workload(workload)
                revoke_workload_tokens(workload.pk)
        before.update(state=Revision.State.RETIRED)
        Revision.objects.filter(pk=revision.pk).update(state=Revision.State.READY, reason="")
        Endpoint.objects.filter(pk=endpoint.pk).update(active=revision)
        server = workload_of(revision)
        if endpoint.desired == Endpoint.Desired.STOPPED and server is not None:
            stop_workload(server)  # stopped while this revision was starting
        audit.record(
            "endpoint.switch",
            revision,
            detail={"model": revision.model_name, "version": revision.model_version},
        )
    work.log(_("Revision %(number)d answers now.") % {"number": revision.number})
    return Done({"endpoint": endpoint.name, "revision": revision.number})


def _why(work: Work, workload: Workload) -> str:
    """The server's own last word, where it left one, else the agent's."""
    with work.scope():
        text, _end = workload_log(workload, max(0, workload.log_bytes - 20_000))
    errors = [
        line.removeprefix("error: ").strip() for line in text.splitlines() if line.startswith("error: ")
    ]
    if errors:
        return _("The model server did not start: %(why)s") % {"why": errors[-1]}
    return workload.reason or _("The model server ended before it could answer; its log says why.")


def _abandon(work: Work, revision: Revision, workload: Workload | None, why: str) -> None:
    with work.scope():
        work.heartbeat()
        if workload is not None:
            stop_workload(workload)
            revoke_workload_tokens(workload.pk)
        Revision.objects.filter(pk=revision.pk).update(state=Revision.State.FAILED, reason=why)


def ended(operation: Operation) -> None:
    """Give up a revision whose deployment ended without it, however that came: else it would block the next one."""
    pending = Revision.objects.filter(pk=operation.payload["revision"], state=Revision.State.PENDING)
    revision = pending.select_related("endpoint").first()
    if revision is None:
        return
    workload = workload_of(revision)
    if workload is not None:
        stop_workload(workload)
        revoke_workload_tokens(workload.pk)
    pending.update(state=Revision.State.FAILED, reason=operation.error or _("Cancelled."))
