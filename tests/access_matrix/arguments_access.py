"""Requests and grants of a project, for the matrix."""

from typing import Any

from accounts.audit import Target
from accounts.models import User
from projects import approvals
from projects.actions import access
from projects.models import Membership, Project
from tests.access_matrix.arguments import ME, PAGE, owner_of
from tests.access_matrix.registry import arguments
from tests.cast import Cast


@arguments(
    f"{ME}approvals/<uuid:pk>",
    f"{ME}approvals/<uuid:pk>/approve",
    f"{ME}approvals/<uuid:pk>/reject",
    f"{PAGE}approvals/<uuid:pk>/",
    also={"*": "access.decide:404"},
    body={},
)
def asked(cast: Cast, project: Project) -> dict[str, Any]:
    """Somebody else's request: those who do not decide on access do not see it."""
    with cast.inside(owner_of(cast, project), project) as grant:
        guest = User(username=f"asker-{project.slug}")
        guest.save(force_insert=True)
        Membership(user=guest, role="viewer").save(force_insert=True)
        made = approvals.ask(
            access.KIND,
            Target("permission", "dataset.preview", "dataset.preview"),
            {"permission": "dataset.preview", "days": 1},
            "to look",
            grant,
        )
        type(made).objects.filter(pk=made.pk).update(asked_by=guest)
        return {"pk": made.pk}


@arguments(f"{ME}approvals/<uuid:pk>/withdraw", also={"*": "member.manage:404"}, absent=frozenset({"POST"}))
def own(cast: Cast, project: Project) -> dict[str, Any]:
    """The owner's own request: nobody else takes it back."""
    made = asked(cast, project)
    with cast.inside(owner_of(cast, project), project) as grant:
        from projects.models import ApprovalRequest

        ApprovalRequest.objects.filter(pk=made["pk"]).update(asked_by=grant.user_id, kind="link")
    return made


@arguments(f"{ME}access-grants/<uuid:pk>")
def given(cast: Cast, project: Project) -> dict[str, Any]:
    with cast.inside(owner_of(cast, project), project) as grant:
        guest = User(username=f"given-{project.slug}")
        guest.save(force_insert=True)
        Membership(user=guest, role="viewer").save(force_insert=True)
        return {"pk": access.give_permission(grant, guest, "dataset.preview", 1, "to look").pk}
