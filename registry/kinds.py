"""What this floor lets people ask for and tells them about, registered once as the process starts."""

from django.utils.translation import gettext_lazy as _

from projects import approvals, notifications
from projects.permissions import Permission
from projects.reach import register_given_to_role, register_reach, register_robots
from registry.datasets.actions import sensitivity
from registry.datasets.deletion import asking, telling
from registry.datasets.reach import datasets_of, given_to_role, more_by_robot
from registry.promotions import actions as promotions
from registry.promotions import move, protecting
from registry.promotions.panel import panel


def register() -> None:
    """Make the kinds of requests and notices of this floor known."""
    register_reach(datasets_of)
    register_given_to_role(given_to_role)
    register_robots(more_by_robot, sensitivity.end_access_of)
    notifications.register_notice(sensitivity.GRANTED, _("Data that I was let at"))
    notifications.register_notice(telling.ENDED, _("Deletions of data"))
    approvals.register_kind(
        sensitivity.ACCESS,
        _("Access to data"),
        permission=Permission.ACCESS_DECIDE,
        on_approve=sensitivity.access_approved,
        evidence=sensitivity.access_evidence,
    )
    approvals.register_kind(
        sensitivity.LOWER,
        _("Lower sensitivity"),
        permission=Permission.ACCESS_DECIDE,
        on_approve=sensitivity.lowered,
        asked_with=Permission.DATASET_WRITE,
        evidence=sensitivity.lower_evidence,
    )
    notifications.register_notice(move.MOVED, _("Promotions of models"))
    approvals.register_kind(
        promotions.KIND,
        _("Promotion of a model"),
        permission=Permission.APPROVAL_DECIDE,
        on_approve=promotions.approved,
        asked_with=Permission.MODEL_PROMOTE,
        evidence=promotions.evidence,
        panel=panel,
    )
    approvals.register_kind(
        protecting.UNPROTECT,
        _("Lifting of a protection"),
        permission=Permission.APPROVAL_DECIDE,
        on_approve=protecting.unprotected,
        asked_with=Permission.MODEL_PROTECT,
        evidence=protecting.unprotect_evidence,
    )
    approvals.register_kind(
        asking.KIND,
        _("Deletion of data"),
        permission=Permission.APPROVAL_DECIDE,
        on_approve=asking.approved,
        asked_with=Permission.DATASET_DELETE,
        evidence=asking.evidence,
    )
