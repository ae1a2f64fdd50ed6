"""The things that the platform's routes are called with."""

from typing import Any

from accounts import audit
from accounts.models import AuditEvent, KeyDestruction, KeyRotation
from projects.actions.platform_tokens import make_platform_token
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


@arguments(f"{PLATFORM}tokens", body={"name": "ci"})
def nothing(cast: Cast, project: Project) -> dict[str, Any]:
    return {}


def token(cast: Cast, project: Project) -> dict[str, Any]:
    """root's, which an auditor does not see."""
    with audit.acting_as(audit.SYSTEM, via="command"):
        return {"pk": make_platform_token(cast.root, name="ci")[0].pk}


arguments(f"{PLATFORM}tokens/<uuid:pk>", "/platform/tokens/<uuid:pk>/", also={"*": "admin"})(token)


@arguments("/audit-room/tokens/<uuid:pk>/")
def auditors_token(cast: Cast, project: Project) -> dict[str, Any]:
    with audit.acting_as(audit.SYSTEM, via="command"):
        return {"pk": make_platform_token(cast.audrey, name="ci")[0].pk}


@arguments(f"{PLATFORM}audit-events/<uuid:pk>")
def event(cast: Cast, project: Project) -> dict[str, Any]:
    with cast.inside("alice"):
        found = AuditEvent.objects.filter(account_id=cast.acme.pk).first()
        assert found is not None
        return {"pk": found.pk}


arguments(f"{PLATFORM}keys/rotations", body={"kind": "accounts", "reason": "yearly"})(
    lambda cast, project: {}
)


@arguments(f"{PLATFORM}keys/rotations/<uuid:pk>")
def rotation(cast: Cast, project: Project) -> dict[str, Any]:
    ended = KeyRotation.objects.create(
        kind="accounts", state="succeeded", actor_kind="user", actor_label="root"
    )
    return {"pk": ended.pk}


@arguments("/platform/keys/accounts/<uuid:pk>/")
@arguments(f"{PLATFORM}keys/accounts/<uuid:pk>/destruction", body={"confirm": "x", "reason": "over"})
def key(cast: Cast, project: Project) -> dict[str, Any]:
    return {"pk": project.pk}


@arguments(f"{PLATFORM}keys/destructions/<uuid:pk>", f"{PLATFORM}keys/destructions/<uuid:pk>/reject", body={})
@arguments(f"{PLATFORM}keys/destructions/<uuid:pk>/approve", body={"confirm": "x"})
def destruction(cast: Cast, project: Project) -> dict[str, Any]:
    KeyDestruction.objects.filter(account_id=project.pk).delete()
    asked = KeyDestruction(
        account_id=project.pk,
        account_name=project.name,
        slug=project.slug,
        reason="over",
        asked_by_id=cast.alice.pk,
        asked_by_label="alice",
    )
    asked.save(force_insert=True)
    return {"pk": asked.pk}
