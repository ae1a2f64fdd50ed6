"""Targets of the audit log, for the matrix."""

from typing import Any

from projects.models import AuditForward, PlatformForward, Project
from tests.access_matrix.arguments import ME, PAGE, owner_of
from tests.access_matrix.registry import arguments
from tests.cast import Cast


@arguments(
    f"{ME}audit-forwards/<uuid:pk>",
    f"{ME}audit-forwards/<uuid:pk>/pause",
    f"{ME}audit-forwards/<uuid:pk>/resume",
    f"{ME}audit-forwards/<uuid:pk>/test",
    f"{PAGE}audit/forwarding/<uuid:pk>/",
    body={},
)
def target(cast: Cast, project: Project) -> dict[str, Any]:
    with cast.inside(owner_of(cast, project), project):
        made = AuditForward(
            name="siem", kind="webhook", address="https://siem.example.com/", created_by_label="alice"
        )
        made.secret = b"0123456789abcdef"
        made.save(force_insert=True)
        return {"pk": made.pk}


@arguments(
    "/api/v1/platform/audit-forwards/<uuid:pk>",
    "/api/v1/platform/audit-forwards/<uuid:pk>/pause",
    "/api/v1/platform/audit-forwards/<uuid:pk>/resume",
    "/api/v1/platform/audit-forwards/<uuid:pk>/test",
    "/platform/forwarding/<uuid:pk>/",
    body={},
)
def platform_target(cast: Cast, project: Project) -> dict[str, Any]:
    made, _new = PlatformForward.objects.get_or_create(
        name="siem", kind="webhook", address="https://siem.example.com/", created_by_label="root"
    )
    return {"pk": made.pk}
