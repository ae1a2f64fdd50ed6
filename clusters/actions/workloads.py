"""Starting, stopping and reading workloads: what upper floors call, inside the account's scope."""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import F
from django.utils.translation import gettext as _

from accounts import audit
from accounts.errors import Conflict
from clusters.actions.placements import place
from clusters.models import Workload, WorkloadLog
from clusters.plans import Plan
from clusters.states import ENDED, Desired, Kind

CHANNEL = "portal_agent"
PART_BYTES = 64 * 1024
READ_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Owner:
    """The thing of an upper floor that a workload works for; `name` tells several workloads of one owner
    apart.
    """

    type: str
    id: UUID
    label: str = ""
    name: str = ""


def start_workload(*, kind: str, owner: Owner, plan: Plan) -> Workload:
    """Ask for a workload; asking again for the same owner and name returns the one there is.

    The caller has checked the actor's permission. Raises `Invalid` for a plan that cannot be, `Conflict`
    where the account cannot be placed.
    """
    kind = Kind(kind)
    plan.check()
    placement = place()
    workload: Workload
    workload, made = Workload.objects.get_or_create(
        owner_type=owner.type,
        owner_id=owner.id,
        name=owner.name,
        defaults={
            "cluster": placement.cluster,
            "placement": placement,
            "kind": kind,
            "owner_label": owner.label[:255],
            "plan": plan.to_json(),
        },
    )
    if made:
        audit.record("workload.start", workload, detail={"kind": kind, "owner": f"{owner.type} {owner.id}"})
        wake_agent()
    return workload


def find_workload(owner_type: str, owner_id: UUID, name: str = "") -> Workload | None:
    """Return an owner's workload, None if it was never asked for."""
    rows = Workload.objects.filter(owner_type=owner_type, owner_id=owner_id, name=name)
    found: Workload | None = rows.select_related("cluster").first()
    return found


def stop_workload(workload: Workload) -> None:
    """Ask for the end of a workload: politely, then for good. Without effect on one that has ended."""
    running = Workload.objects.filter(pk=workload.pk, desired=Desired.RUNNING).exclude(phase__in=ENDED)
    if running.update(desired=Desired.STOPPED):
        audit.record("workload.stop", workload)
        wake_agent()
    workload.refresh_from_db()


def restart_workload(workload: Workload, plan: Plan | None = None) -> None:
    """Start a service anew, with a new plan if one is given: prepared from scratch, its old log discarded.

    Raises `Conflict` for a job: launch another one instead.
    """
    if workload.kind != Kind.SERVICE:
        raise Conflict("workload.job", _("A job runs once: launch it again instead of restarting it."))
    if plan is not None:
        plan.check()
    values = {"plan": plan.to_json()} if plan is not None else {}
    Workload.objects.filter(pk=workload.pk).update(
        desired=Desired.RUNNING, generation=F("generation") + 1, next_start_at=None, restarts=0, **values
    )
    audit.record("workload.restart", workload)
    wake_agent()
    workload.refresh_from_db()


def wake_agent() -> None:
    """Have the agent look at once, when this transaction commits; it also looks every second by itself."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])


def workload_log(workload: Workload, offset: int = 0) -> tuple[str, int]:
    """Return up to 256 KiB of the log from byte `offset` on, as text, and the offset to go on from.

    A character that is still incomplete at the end is left for the next call.
    """
    offset = max(0, offset)
    first = offset // PART_BYTES
    parts = WorkloadLog.objects.filter(workload=workload, index__gte=first).order_by("index")
    data = b"".join(part.content.reveal() for part in parts[: READ_BYTES // PART_BYTES + 1])
    data = data[offset - first * PART_BYTES :][:READ_BYTES]
    whole = data if workload.phase in ENDED and len(data) < READ_BYTES else data[: _complete(data)]
    return whole.decode("utf-8", errors="replace"), offset + len(whole)


def _complete(data: bytes) -> int:
    """How many bytes are whole UTF-8 characters: a cut one at the end (at most three bytes) is left out."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        needed = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return len(data) - back if needed > back else len(data)
    return len(data)
