"""Proofs of the audit log, for the matrix: sealed things of each project."""

from typing import Any

from accounts import audit
from accounts.audit import sealing
from accounts.models import AuditEvent
from projects.models import Project
from tests.access_matrix.arguments import ME, owner_of
from tests.access_matrix.registry import arguments
from tests.cast import Cast
from tests.engines.fixtures import become

PLATFORM = "/api/v1/platform/"


def sealed(cast: Cast, project: Project) -> dict[str, Any]:
    """An event that is in the log."""
    with cast.inside(owner_of(cast, project), project):
        pk = audit.record("dataset.download").pk
        assert AuditEvent.objects.filter(pk=pk).exists()
    with become("system"):
        sealing.seal()
    return {"pk": pk}


arguments(f"{ME}audit-events/<uuid:pk>/proof", f"{PLATFORM}audit-events/<uuid:pk>/proof")(sealed)


@arguments(f"{ME}audit-log/consistency", query="from=1&to=1")
@arguments(f"{PLATFORM}audit-log/consistency", query="log=platform&from=1&to=1")
def checkpoints(cast: Cast, project: Project) -> dict[str, Any]:
    sealed(cast, project)
    with audit.acting_as(audit.SYSTEM, via="command"):
        audit.record("user.create")
    with become("system"):
        sealing.seal()
    return {}
