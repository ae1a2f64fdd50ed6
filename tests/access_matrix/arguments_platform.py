"""The things that the platform's routes are called with."""

from typing import Any

from accounts.models import AuditEvent
from projects.models import Project
from tests.access_matrix.registry import arguments
from tests.cast import Cast

PLATFORM = "/api/v1/platform/"

arguments(f"{PLATFORM}accounts", body={"name": "Initech", "kind": "general", "owner": "peter"})(
    lambda cast, project: {}
)


@arguments(f"{PLATFORM}accounts/<uuid:pk>")
def account(cast: Cast, project: Project) -> dict[str, Any]:
    return {"pk": project.pk}


@arguments(f"{PLATFORM}audit-events/<uuid:pk>")
def event(cast: Cast, project: Project) -> dict[str, Any]:
    with cast.inside("alice"):
        found = AuditEvent.objects.filter(account_id=cast.acme.pk).first()
        assert found is not None
        return {"pk": found.pk}
