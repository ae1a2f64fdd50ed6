"""The audit log: there is a receipt once something is sealed; things and people have a history once recorded."""

from typing import Any

from accounts import audit
from accounts.audit import sealing
from projects.models import Project
from tests.access_matrix.arguments import owner_of
from tests.access_matrix.registry import arguments
from tests.cast import Cast
from tests.engines.fixtures import become


@arguments("/api/v1/projects/<slug:slug>/audit-log/receipt", "/api/v1/platform/audit-log/receipt")
def sealed_log(cast: Cast, project: Project) -> dict[str, Any]:
    with become("system"):
        sealing.seal_all()
    return {}


@arguments(
    "/api/v1/projects/<slug:slug>/audit/things/<str:kind>/<path:pk>",
    "/projects/<slug:slug>/audit/things/<str:kind>/<path:pk>/",
    "/api/v1/platform/audit/things/<str:kind>/<path:pk>",
    "/audit-room/things/<str:kind>/<path:pk>/",
)
def thing(cast: Cast, project: Project) -> dict[str, Any]:
    return {"kind": "account", "pk": project.pk}


@arguments(
    "/api/v1/projects/<slug:slug>/audit/people/<path:actor>",
    "/projects/<slug:slug>/audit/people/<path:actor>/",
    "/api/v1/platform/audit/people/<path:actor>",
    "/audit-room/people/<path:actor>/",
)
def person(cast: Cast, project: Project) -> dict[str, Any]:
    """Somebody whom only this project's log knows."""
    name = owner_of(cast, project)
    with cast.inside(name, project):
        audit.record("project.read", project)
    return {"actor": cast.people[name].pk}


@arguments("/api/v1/projects/{slug}/audit-log/events", query="seconds=0")
def followed(cast: Cast, project: Project) -> dict[str, Any]:
    return {}
