"""Which datasets a person or a robot may have the data of, for the permissions page."""

from uuid import UUID

from django.utils.translation import gettext as _

from projects.doors import Grant
from projects.permissions import Permission
from projects.reach import Thing
from registry.datasets.actions.sensitivity import approvals_alone
from registry.datasets.sensitivity import GUARDED, bears, granted, live_grants, role_for, visible
from registry.models import Dataset, DatasetGrant

MOST = 500


def datasets_of(viewer: Grant, holder_id: UUID, role: str, permissions: frozenset[str]) -> list[Thing]:
    """Say of each dataset that the viewer may know of whether this person or robot may have its data, and why. Two
    queries.
    """
    named: dict[UUID, DatasetGrant] = {}
    for let in (
        live_grants().filter(bears(holder_id, role)).order_by("-role")
    ):  # what is by name counts as the reason
        named[let.dataset_id] = let
    downloads = Permission.DATASET_DOWNLOAD in permissions
    return [
        _thing(dataset, named.get(dataset.pk), downloads)
        for dataset in visible(viewer, Dataset.objects.filter(deleted_at=None).order_by("name"))[:MOST]
    ]


def given_to_role(role: str) -> bool:
    """Whether everybody of a role was let at some dataset."""
    return live_grants().filter(role=role).exists()


def more_by_robot(grant: Grant, robot_id: UUID) -> bool:
    """Whether a robot was let by name at guarded data that the caller may not have themselves. Who alone decides on
    access is no obstacle to themselves.
    """
    by_name = live_grants().filter(
        robot_id=robot_id, dataset__sensitivity__in=GUARDED, dataset__deleted_at=None
    )
    own = Dataset.objects.filter(granted(grant.user_id, role_for(grant)))
    return by_name.exclude(dataset__in=own).exists() and not approvals_alone(grant)


def _thing(dataset: Dataset, let: DatasetGrant | None, downloads: bool) -> Thing:
    guarded = dataset.sensitivity in GUARDED
    if not downloads:
        allowed, why = False, _("lacks the permission “dataset.download”")
    elif not guarded:
        allowed, why = True, _("not guarded by name")
    elif let is None:
        allowed, why = False, _("nobody let them at it")
    else:
        allowed, why = (
            True,
            _("let at it by %(who)s: %(reason)s") % {"who": let.granted_by_label, "reason": let.reason},
        )
    level = str(dataset.get_sensitivity_display())
    return Thing("dataset", dataset.name, dataset.sensitivity, allowed, why, level)
