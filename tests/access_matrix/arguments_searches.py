"""Saved searches of the audit log: shared ones, which only their owner and who manages members may delete."""

from typing import Any
from uuid import uuid4

from accounts import audit
from projects.actions.searches import save_room_search, save_search
from projects.forms import AuditFilterForm
from projects.models import Project
from tests.access_matrix.arguments import ME, PAGE, owner_of
from tests.access_matrix.registry import arguments
from tests.cast import Cast


@arguments(
    f"{ME}audit-searches/<uuid:pk>", f"{PAGE}audit/searches/<uuid:pk>/", also={"*": "member.manage:404"}
)
def saved(cast: Cast, project: Project) -> dict[str, Any]:
    with cast.inside(owner_of(cast, project), project) as grant:
        form = AuditFilterForm({"action": "dataset.*", "period": "7d"})
        return {"pk": save_search(grant, f"data {uuid4().hex[:8]}", form, shared=True).pk}


@arguments("/api/v1/platform/audit-searches/<uuid:pk>", "/audit-room/searches/<uuid:pk>/")
def room(cast: Cast, project: Project) -> dict[str, Any]:
    with audit.acting_as(audit.SYSTEM, via="command"):
        form = AuditFilterForm({"period": "7d"})
        return {"pk": save_room_search(cast.audrey, f"data {uuid4().hex[:8]}", form).pk}
