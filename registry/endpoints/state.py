"""How an endpoint is, in one word: what is wanted beside what runs."""

from clusters.models import Workload
from clusters.states import ENDED, Phase
from registry.endpoints.actions import OWNER, workload_of
from registry.models import Endpoint, Revision

EMPTY, RUNNING, STARTING, STOPPING, STOPPED, FAILED, UNKNOWN = (
    "empty",
    "running",
    "starting",
    "stopping",
    "stopped",
    "failed",
    "unknown",
)


def judge(endpoint: Endpoint, workload: Workload | None, *, pending: bool) -> str:
    """Return the word; pure but for what it is given."""
    if endpoint.active is None:
        return STARTING if pending else EMPTY
    if workload is None:
        return STOPPED
    phase = workload.observed_phase
    if phase == Phase.UNKNOWN:
        return UNKNOWN
    if endpoint.desired == Endpoint.Desired.STOPPED:
        return STOPPED if phase in ENDED else STOPPING
    if phase == Phase.FAILED:
        return FAILED
    return RUNNING if workload.ready else STARTING


def state_of(endpoint: Endpoint) -> str:
    """Return an endpoint's word; looks its workload up."""
    pending = Revision.objects.filter(endpoint=endpoint, state=Revision.State.PENDING).exists()
    return judge(endpoint, workload_of(endpoint.active) if endpoint.active else None, pending=pending)


def states_of(endpoints: list[Endpoint]) -> dict[str, str]:
    """Return the word of each endpoint by name, in two queries for all of them."""
    actives = [endpoint.active_id for endpoint in endpoints if endpoint.active_id]
    rows = Workload.objects.filter(owner_type=OWNER, owner_id__in=actives).select_related("cluster")
    workloads = {workload.owner_id: workload for workload in rows}
    pending = set(
        Revision.objects.filter(endpoint__in=endpoints, state=Revision.State.PENDING).values_list(
            "endpoint_id", flat=True
        )
    )
    return {
        endpoint.name: judge(
            endpoint,
            workloads.get(endpoint.active_id) if endpoint.active_id else None,
            pending=endpoint.pk in pending,
        )
        for endpoint in endpoints
    }
