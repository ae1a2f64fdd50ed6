"""Asking for data to be deleted, deciding on it, and the moment from which nobody reads it."""

from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.errors import Conflict, Invalid, NotFound
from accounts.ids import uuid7
from projects import approvals, operations
from projects.doors import Grant
from projects.models import ApprovalRequest
from projects.permissions import Permission
from registry.datasets.actions.versions import drop_open
from registry.datasets.deletion.dependants import Dependants, dependants_of
from registry.datasets.deletion.tombstone import require_dataset, require_there
from registry.datasets.sensitivity import visible
from registry.models import Dataset, DatasetDeletion, DatasetVersion

KIND = "dataset.delete"
State = DatasetVersion.State
NAMED = 10  # how many of each kind of dependants a decider reads by name


def what_depends(dataset: Dataset, version: DatasetVersion | None) -> Dependants:
    """Return what was made of a sealed version, or of all of a dataset's."""
    return dependants_of(dataset, [version] if version is not None else _sealed(dataset))


def _sealed(dataset: Dataset) -> QuerySet[DatasetVersion]:
    rows: QuerySet[DatasetVersion] = DatasetVersion.objects.select_related("dataset")
    return rows.filter(dataset=dataset, state=State.READY).order_by("number")


def check_confirmed(dataset: Dataset, version: DatasetVersion | None, confirm: str) -> None:
    """Raise `Invalid` unless what is to be deleted was typed out: `wafers@3`, or `wafers`."""
    wanted = f"{dataset.name}@{version.number}" if version is not None else dataset.name
    if confirm != wanted:
        message = _("To confirm, write “%(name)s”: it cannot be undone.") % {"name": wanted}
        raise Invalid("dataset.confirm", message, errors={"confirm": [message]})


def ask(grant: Grant, dataset: Dataset, version: DatasetVersion | None, reason: str) -> DatasetDeletion:
    """Delete a sealed version, or with None a whole dataset. At once; once a second person has agreed where the data is
    confidential or restricted, or a model with a protected alias was made of it.

    Raises `Invalid` without a reason, `Conflict` for an open version, `Gone` where it is deleted already.
    """
    reason = reason.strip()[:1000]
    if not reason:
        message = _("Say why: it stays on record.")
        raise Invalid("dataset.reason", message, errors={"reason": [message]})
    require_dataset(dataset)
    if version is not None:
        require_there(version)
        if version.is_open:
            raise Conflict(
                "dataset.version_open",
                _("%(version)s is not sealed: drop it on its page instead.") % {"version": version.label},
            )
    deletion = DatasetDeletion(
        pk=uuid7(), dataset=dataset, version=version, reason=reason, asked_by_label=grant.actor.person[:160]
    )
    found = what_depends(dataset, version)
    if found.needs_approval:
        payload = {"deletion": str(deletion.pk), "evidence": _facts(dataset, version, found)}
        deletion.request = approvals.ask(KIND, version or dataset, payload, reason, grant)
    deletion.save(force_insert=True)
    audit.record(
        "dataset.delete_ask",
        version or dataset,
        detail={"reason": reason, "approval": bool(deletion.request), "deletion": str(deletion.pk)},
    )
    if not found.needs_approval:
        _begin(grant, deletion)
    return deletion


def _facts(dataset: Dataset, version: DatasetVersion | None, found: Dependants) -> list[list[str]]:
    """What the decider sees, frozen as it was when somebody asked: [code, text] pairs."""
    versions = [version] if version is not None else list(_sealed(dataset))
    facts = [
        ["versions", ", ".join(f"v{each.number}" for each in versions)],
        ["sensitivity", dataset.sensitivity],
        ["files", str(sum(each.file_count for each in versions))],
        ["bytes", str(sum(each.size for each in versions))],
    ]
    for kind in ("trainingjob", "modelversion", "endpoint"):
        things = found.of(kind)
        more = f" … ({len(things)})" if len(things) > NAMED else ""
        facts.append([kind, ", ".join(thing.label for thing in things[:NAMED]) + more])
    facts.append(["protected", ", ".join(found.protected)])
    if not found.complete:
        facts.append(["incomplete", ""])
    return facts


def evidence(request: ApprovalRequest) -> list[tuple[str, str]]:
    """What would be destroyed, and what was made of it."""
    names = {
        "versions": _("Versions"),
        "sensitivity": _("Sensitivity"),
        "files": _("Files"),
        "bytes": _("Bytes"),
        "trainingjob": _("Training jobs that read it"),
        "modelversion": _("Models made of it"),
        "endpoint": _("Endpoints that serve those"),
        "protected": _("Protected aliases that point to them"),
        "incomplete": _("MLflow did not answer"),
    }
    said = {"incomplete": _("what was made of it is not known in full")}
    levels = dict(Dataset.Sensitivity.choices)
    facts = [(_("Dataset"), request.target_label)]
    for code, text in request.payload["evidence"]:
        shown = str(levels.get(text, text)) if code == "sensitivity" else text
        facts.append((names[code], shown or said.get(code, _("none"))))
    return facts


def approved(request: ApprovalRequest, grant: Grant) -> None:
    """What approving does."""
    rows = DatasetDeletion.objects.select_related("dataset", "version__dataset")
    deletion = rows.get(pk=request.payload["deletion"])
    # Versions that are sealed meanwhile come before this lock, and are seen, or after it, and find the dataset gone.
    deletion.dataset = Dataset.objects.select_for_update().get(pk=deletion.dataset_id)
    _check_as_shown(request, deletion)
    deletion.decided_by_label = grant.actor.person[:160]
    _begin(grant, deletion)


def _check_as_shown(request: ApprovalRequest, deletion: DatasetDeletion) -> None:
    """Raise `Conflict` where more would be lost than what was written down for the decider: other versions, data of
    another sensitivity, or what a protected alias points to by now.
    """
    then: dict[str, str] = dict(request.payload["evidence"])
    found = what_depends(deletion.dataset, deletion.version)
    now = dict(_facts(deletion.dataset, deletion.version, found))
    changed = [code for code in ("versions", "sensitivity") if then[code] != now[code]]
    if changed or not set(found.protected) <= set(then["protected"].split(", ")):
        raise Conflict(
            "dataset.deletion_changed",
            _(
                "Nothing was deleted: “%(name)s” is not what it was when this was asked (versions: %(then)s then, "
                "%(now)s now). Reject this, and let it be asked again."
            )
            % {"name": deletion.label, "then": then["versions"], "now": now["versions"]},
        )


def _begin(grant: Grant, deletion: DatasetDeletion) -> None:
    """From this transaction on nobody reads it; the operation destroys what is left. Raises `Conflict` where somebody
    else's deletion was quicker.
    """
    dataset = Dataset.objects.select_for_update().get(pk=deletion.dataset_id)
    rows = DatasetVersion.objects.filter(dataset=dataset, state=State.READY)
    if deletion.version is not None:
        taken = rows.filter(pk=deletion.version.pk).update(state=State.DELETING)
    else:
        rows.update(state=State.DELETING)
        taken = Dataset.objects.filter(pk=dataset.pk, deleted_at=None).update(deleted_at=timezone.now())
        for version in DatasetVersion.objects.filter(dataset=dataset, state=State.OPEN).select_for_update():
            drop_open(version)
    if not taken:
        raise Conflict("dataset.deleted", _("%(what)s is deleted already.") % {"what": deletion.label})
    deletion.begun_at = timezone.now()
    audit.record(
        "dataset.delete",
        deletion.version or dataset,
        detail={"reason": deletion.reason, "asked_by": deletion.asked_by_label, "deletion": str(deletion.pk)},
    )
    deletion.operation = operations.submit(
        KIND,
        target=deletion.version or dataset,
        payload={"deletion": str(deletion.pk), "asked_by": str(grant.user_id)},
        grant=grant,
        permission=Permission.DATASET_DELETE,
        idempotency_key=f"{KIND}:{deletion.pk}",
    )
    deletion.save()


def deletions(grant: Grant) -> QuerySet[DatasetDeletion]:
    """The deletions that somebody may know of, the newest first."""
    rows: QuerySet[DatasetDeletion] = DatasetDeletion.objects.select_related("dataset", "version", "request")
    return rows.filter(dataset__in=visible(grant, Dataset.objects.get_queryset())).order_by("-id")


def find_deletion(grant: Grant, pk: UUID) -> DatasetDeletion:
    """Return a deletion; raises `NotFound`."""
    found = deletions(grant).filter(pk=pk).first()
    if found is None:
        raise NotFound("dataset.deletion_not_found", _("There is no such deletion in this project."))
    return found
