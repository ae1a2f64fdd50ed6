"""The things that routes of the projects floor are called with. Other floors add theirs in modules of their own."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.actions.credentials import create_credential
from accounts.audit import Target
from accounts.models import AuditEvent, TrustLink, User
from projects.models import Membership, Operation, Project, State
from projects.operations import submit
from projects.operations.log import append
from tests.access_matrix.registry import arguments
from tests.cast import Cast

ME = "/api/v1/projects/<slug:slug>/"
PAGE = "/projects/<slug:slug>/"


def owner_of(cast: Cast, project: Project) -> str:
    """Who owns this project."""
    return "alice" if project.pk == cast.acme.pk else "charlie"


@arguments(f"{ME}members/<uuid:pk>", f"{PAGE}settings/members/<uuid:pk>/", body={"role": "viewer"})
def member(cast: Cast, project: Project) -> dict[str, Any]:
    with cast.inside(owner_of(cast, project), project):
        guest = User(username=f"guest-{project.slug}")
        guest.save(force_insert=True)
        somebody = Membership(user=guest, role="viewer")
        somebody.save(force_insert=True)
        return {"pk": somebody.pk}


@arguments(f"{ME}tokens/<uuid:pk>", f"{PAGE}settings/tokens/<uuid:pk>/", also={"*": "token.manage:404"})
def token(cast: Cast, project: Project) -> dict[str, Any]:
    made, _text = cast.token(owner_of(cast, project), project=project)
    return {"pk": made.pk}


GIT = {"url": "https://git.example.com/a.git", "token": "x"}


@arguments(
    f"{ME}credentials/<uuid:pk>",
    f"{ME}credentials/<uuid:pk>/test",
    f"{ME}credentials/<uuid:pk>/switch",
    f"{ME}credentials/<uuid:pk>/roll-back",
    f"{PAGE}settings/account/credentials/<uuid:pk>/",
    f"{PAGE}settings/account/credentials/<uuid:pk>/rotate/",
    f"{PAGE}settings/account/credentials/<uuid:pk>/status/",
    f"{PAGE}settings/account/credentials/<uuid:pk>/reveal/",
)
@arguments(f"{ME}credentials/<uuid:pk>/reveal", body={"reason": "to see"}, sessions_only=frozenset({"POST"}))
@arguments(f"{ME}credentials/<uuid:pk>/rotation", body={"secret": GIT})
def credential(cast: Cast, project: Project) -> dict[str, Any]:
    with cast.inside(owner_of(cast, project), project):
        return {"pk": create_credential("git", "git", GIT, by="alice").pk}


@arguments(f"{PAGE}settings/account/credentials/new/<slug:kind>/")
def kind(cast: Cast, project: Project) -> dict[str, Any]:
    return {"kind": "git"}


@arguments(
    f"{ME}links/<uuid:pk>",
    f"{ME}links/<uuid:pk>/revoke",
    f"{ME}links/<uuid:pk>/reject",
    f"{ME}links/<uuid:pk>/check",
    f"{PAGE}settings/account/links/<uuid:pk>/",
)
def link(cast: Cast, project: Project) -> dict[str, Any]:
    """An offer of this project's account to nobody yet: the other account does not see it."""
    with cast.inside(owner_of(cast, project), project):
        made = TrustLink(
            lender_id=project.pk,
            lender_label=project.name,
            invitation_digest=project.pk.bytes,
            expires_at=timezone.now() + timedelta(days=1),
        )
        made.save(force_insert=True)
        return {"pk": made.pk}


@arguments(f"{ME}links/<uuid:pk>/approve")
def asked(cast: Cast, project: Project) -> dict[str, Any]:
    return link(cast, project)


@arguments(f"{ME}audit-events/<uuid:pk>")
def event(cast: Cast, project: Project) -> dict[str, Any]:
    with cast.inside(owner_of(cast, project), project):
        return {"pk": AuditEvent.objects.filter(account_id=project.pk).first().pk}  # type: ignore[union-attr]


def make_operation(cast: Cast, project: Project, state: str) -> Operation:
    """An operation that sam, for example, may cancel."""
    with cast.inside(owner_of(cast, project), project) as grant:
        made = submit(
            "test.work",
            target=Target("thing", "1", "it"),
            payload={},
            grant=grant,
            permission="dataset.write",
        )
        append(made, "a line")
        Operation.objects.filter(pk=made.pk).update(state=state)
        return made


@arguments(f"{ME}operations/<uuid:pk>/log")
def operation(cast: Cast, project: Project) -> dict[str, Any]:
    return {"pk": make_operation(cast, project, State.SUCCEEDED).pk}


@arguments(f"{ME}operations/<uuid:pk>/cancel", also={"POST": "dataset.write"})
def running(cast: Cast, project: Project) -> dict[str, Any]:
    return {"pk": make_operation(cast, project, State.QUEUED).pk}


@arguments(f"{ME}operations/<uuid:pk>/retry", also={"POST": "dataset.write"})
def failed(cast: Cast, project: Project) -> dict[str, Any]:
    return {"pk": make_operation(cast, project, State.FAILED).pk}


@arguments(f"{PAGE}activity/<uuid:pk>/", also={"POST": "dataset.write"})
def shown(cast: Cast, project: Project) -> dict[str, Any]:
    return operation(cast, project)


@arguments(
    "/api/v1/projects/{slug}/operations/{operation_id}",
    "/api/v1/projects/{slug}/operations/{operation_id}/events",
)
def streamed(cast: Cast, project: Project) -> dict[str, Any]:
    return {"operation_id": make_operation(cast, project, State.SUCCEEDED).pk}
