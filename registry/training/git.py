"""The operation `training.fetch`: pin a ref of a git repository to a commit, and keep that commit as a source."""

from datetime import timedelta
from pathlib import Path

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from accounts.audit import Actor
from accounts.errors import PortalError, Unavailable
from projects import operations
from projects.doors import Grant
from projects.models import Operation, Project
from projects.operations import Again, Done, Failed, Work
from projects.operations.registry import Cancelled
from projects.permissions import Permission
from registry.git_source import fetch_commit, resolve_ref
from registry.models import TrainingProject, TrainingSource
from registry.training.sources import add_source, workbench

KIND = "training.fetch"
# A repository that cannot be reached is more often a wrong address than a short outage.
PATIENCE = timedelta(minutes=1)


def request_fetch(
    grant: Grant,
    project: TrainingProject,
    *,
    url: str,
    ref: str,
    subfolder: str = "",
    idempotency_key: str = "",
) -> Operation:
    """Ask for a source from git; the work is an operation, for a repository may be slow or far away."""
    return operations.submit(
        KIND,
        target=project,
        payload={"project": str(project.pk), "url": url, "ref": ref, "subfolder": subfolder},
        grant=grant,
        permission=Permission.TRAINING_WRITE,
        idempotency_key=idempotency_key,
    )


def advance(work: Work) -> Done | Again:
    """Resolve, fetch, keep. A second attempt fetches the commit that the first one pinned."""
    if work.cancel_requested:
        raise Cancelled
    url, ref = work.payload["url"], work.payload["ref"]
    try:
        commit = work.payload.get("commit", "")
        if not commit:
            work.stage(noop("Resolving the revision"), 0.1)
            commit = resolve_ref(url, ref)
            work.save(commit=commit)
            work.log(_("%(ref)s is commit %(commit)s.") % {"ref": ref, "commit": commit})
        work.stage(noop("Fetching"), 0.3)
        with workbench() as bench:
            fetch_commit(url, commit, bench / "content", subfolder=work.payload.get("subfolder", ""))
            work.stage(noop("Checking the project"), 0.8)
            source = _keep(work, bench / "content", url, commit)
    except Unavailable:
        raise
    except PortalError as error:
        raise Failed(str(error)) from error
    return Done({"project": source.project.name, "source": source.number, "commit": commit})


def _keep(work: Work, folder: Path, url: str, commit: str) -> TrainingSource:
    operation = work.operation
    with work.scope():
        work.heartbeat()
        project = TrainingProject.objects.get(pk=work.payload["project"])
        slug, name = Project.objects.values_list("slug", "name").get()
        actor = Actor(operation.actor_kind, operation.actor_id, operation.actor_label, operation.on_behalf_of)
        grant = Grant(actor, operation.user_id, work.account_id, slug, name, "", frozenset(), "task")
        return add_source(grant, project, folder, kind=TrainingSource.Kind.GIT, git_url=url, commit=commit)
