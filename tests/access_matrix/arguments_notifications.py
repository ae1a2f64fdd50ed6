"""Webhooks of a project, for the matrix."""

from typing import Any

from accounts.actions.credentials import create_credential
from projects.models import Project, Webhook
from tests.access_matrix.arguments import ME, PAGE, owner_of
from tests.access_matrix.registry import arguments
from tests.cast import Cast


@arguments(f"{ME}webhooks/<uuid:pk>", body={"enabled": False})
@arguments(
    f"{ME}webhooks/<uuid:pk>/test",
    f"{ME}webhooks/<uuid:pk>/deliveries",
    f"{PAGE}settings/webhooks/<uuid:pk>/",
    body={},
)
def webhook(cast: Cast, project: Project) -> dict[str, Any]:
    with cast.inside(owner_of(cast, project), project):
        secret = create_credential("hook", "webhook", {"secret": "0123456789abcdef"}, by="alice")
        made = Webhook(
            name="chat", url="https://hooks.example.com/x", credential=secret, created_by_label="alice"
        )
        made.save(force_insert=True)
        return {"pk": made.pk}
