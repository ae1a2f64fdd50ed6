"""The log of an endpoint's newest server."""

from typing import Any

from clusters.actions import workload_log
from clusters.states import ENDED
from registry.endpoints.actions import workload_of
from registry.models import Endpoint, Revision


def read_log(endpoint: Endpoint, offset: int) -> dict[str, Any]:
    """Return `{text, next, ended}` from byte `offset` on; an endpoint that never ran has an empty log."""
    newest = Revision.objects.filter(endpoint=endpoint).order_by("-number").first()
    workload = workload_of(newest) if newest else None
    if workload is None:
        return {"text": "", "next": offset, "ended": True}
    text, following = workload_log(workload, offset)
    return {"text": text, "next": following, "ended": workload.phase in ENDED}
