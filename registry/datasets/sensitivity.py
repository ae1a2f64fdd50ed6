"""Who may have the data of a dataset, by its sensitivity.

public and internal: whoever has the permission. confidential: the name is listed for everybody in the project; rows,
columns, files and training need a grant on that dataset, for the person or robot, or their role. restricted: as
confidential, and not even listed without a grant (those who decide on access see the name, to be able to). A training
job's token reaches the versions that its launch named, and no other.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts.errors import Forbidden, Invalid
from projects.doors import Grant
from projects.holdings import holding_of
from projects.permissions import Permission
from registry.models import Dataset, DatasetGrant, TrainingJob

Level = Dataset.Sensitivity
GUARDED = (Level.CONFIDENTIAL, Level.RESTRICTED)
_RANK = {level: rank for rank, level in enumerate(Level.values)}
REASON_HEADER = "x-access-reason"
_SHORTEST, _LONGEST = 4, 500


def rank(level: str) -> int:
    """How sensitive: 0 is public."""
    return _RANK[level]


def highest(levels: Iterable[str]) -> str:
    """The most sensitive of some levels; empty for none."""
    return max(levels, key=rank, default="")


def live_grants() -> QuerySet[DatasetGrant]:
    """The grants on datasets that count now."""
    rows: QuerySet[DatasetGrant] = DatasetGrant.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=Now()), ended_at=None
    )
    return rows


def bears(holder_id: UUID, role: str) -> Q:
    """The grants that count for a person or a robot: by name, or by role."""
    return Q(user_id=holder_id) | Q(robot_id=holder_id) | Q(role=role) & ~Q(role="")


def granted(holder_id: UUID, role: str) -> Exists:
    """Whether a person or a robot was let at a dataset, by name or by role."""
    return Exists(live_grants().filter(bears(holder_id, role), dataset_id=OuterRef("pk")))


def role_for(grant: Grant) -> str:
    """The role whose data somebody may have: their own. A token can name any role that may do no more than its person,
    and gets by that nothing that was given to the people of that role; nor, in a lesser role, what was given to its
    person's.
    """
    return grant.own_role if grant.workload_id is not None or grant.own_role == grant.role else ""


def visible(grant: Grant, rows: QuerySet[Dataset]) -> QuerySet[Dataset]:
    """The datasets that somebody may know of."""
    if grant.workload_id is not None:
        return rows.filter(pk__in=_named(grant.workload_id)[0])
    if grant.can(Permission.ACCESS_DECIDE):
        return rows
    return rows.filter(~Q(sensitivity=Level.RESTRICTED) | granted(grant.user_id, role_for(grant)))


def _named(workload_id: UUID) -> tuple[list[UUID], list[UUID]]:
    """The datasets and versions that the launch of a workload named."""
    from registry.models import DatasetVersion

    inputs: Any = TrainingJob.objects.filter(workload_id=workload_id).values_list("inputs", flat=True).first()
    versions = [UUID(mount["id"]) for mount in (inputs or {}).values()]
    datasets = DatasetVersion.objects.filter(pk__in=versions).values_list("dataset_id", flat=True)
    return list(datasets), versions


def names_version(grant: Grant, version_id: UUID) -> bool:
    """Whether a workload's launch named this version; true for everybody who is no workload."""
    return grant.workload_id is None or version_id in _named(grant.workload_id)[1]


def may_have(grant: Grant, dataset: Dataset) -> bool:
    """Whether somebody may have this dataset's data, as far as its sensitivity goes."""
    return _may_have(dataset, grant.user_id, role_for(grant))


def _may_have(dataset: Dataset, holder_id: UUID, role: str) -> bool:
    if dataset.sensitivity not in GUARDED:
        return True
    found: bool = Dataset.objects.filter(granted(holder_id, role), pk=dataset.pk).exists()
    return found


def require_access(grant: Grant, dataset: Dataset) -> None:
    """Raise `Forbidden` unless somebody may have this dataset's data; the answer says where to ask."""
    if not may_have(grant, dataset):
        raise Forbidden(
            "dataset.access",
            _("“%(name)s” is %(level)s: its data needs a grant on it by name. Ask for one.")
            % {"name": dataset.name, "level": dataset.get_sensitivity_display()},
            permission=Permission.DATASET_DOWNLOAD,
            ask_url=f"/projects/{grant.slug}/datasets/{dataset.name}/access/",
        )


def holder_may_have(holder_id: UUID, dataset: Dataset) -> bool:
    """Whether a person or a robot may train on this dataset now: they hold the permission, and a grant where one is
    needed.
    """
    held = holding_of(holder_id)
    return (
        held is not None
        and Permission.DATASET_DOWNLOAD in held.permissions
        and _may_have(dataset, holder_id, held.role)
    )


def reason_for(grant: Grant, dataset: Dataset, given: str) -> str:
    """The reason that goes on record with a download: asked for from confidential up, not of a training job, whose
    launch is the reason. Raises `Invalid` where it is missing.
    """
    reason = " ".join(given.split())[:_LONGEST]
    if dataset.sensitivity not in GUARDED or grant.workload_id is not None:
        return reason
    if len(reason) < _SHORTEST:
        message = _(
            "“%(name)s” is %(level)s: say why you download it, in the header X-Access-Reason or the parameter reason."
        ) % {"name": dataset.name, "level": dataset.get_sensitivity_display()}
        raise Invalid("dataset.reason", message, errors={"reason": [message]})
    return reason
