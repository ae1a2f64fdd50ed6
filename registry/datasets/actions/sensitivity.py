"""Changing how sensitive a dataset is, and letting people at it by name."""

from datetime import timedelta
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from accounts import audit
from accounts.errors import Conflict, Forbidden, Invalid, NotFound
from accounts.models import User
from projects import approvals
from projects.actions.access import check_days
from projects.actions.robots import find_robot
from projects.doors import Grant
from projects.holdings import check_role
from projects.models import ApprovalRequest, Membership, Robot, RobotState
from projects.notifications import notify
from projects.permissions import Permission
from registry.datasets.sensitivity import GUARDED, may_have, rank
from registry.models import Dataset, DatasetGrant

ACCESS = "dataset.access"
LOWER = "dataset.sensitivity"
GRANTED = "dataset.granted"
DEFAULT_DAYS = 30


def _reason(text: str) -> str:
    reason = text.strip()
    if not reason:
        message = _("Say why: it stays on record.")
        raise Invalid("dataset.reason", message, errors={"reason": [message]})
    return reason


def set_sensitivity(grant: Grant, dataset: Dataset, level: str, reason: str) -> ApprovalRequest | None:
    """Make a dataset more sensitive at once, or less: that needs `access.decide`, and access to what it would open,
    else it is asked for, and the request is returned. The person who raises it to confidential or above keeps access,
    by a grant of their own on record; a robot that does needs somebody to let it.

    Raises `Invalid` without a reason or for no such level, `Conflict` for the level that it has.
    """
    reason = _reason(reason)
    if level not in Dataset.Sensitivity.values:
        message = _("There is no sensitivity “%(level)s”.") % {"level": level}
        raise Invalid("dataset.sensitivity", message, errors={"sensitivity": [message]})
    if level == dataset.sensitivity:
        raise Conflict(
            "dataset.sensitivity",
            _("“%(name)s” is %(level)s already.")
            % {"name": dataset.name, "level": dataset.get_sensitivity_display()},
        )
    if rank(level) < rank(dataset.sensitivity) and not _may_lower(grant, dataset, level):
        payload = {"sensitivity": level, "from": dataset.sensitivity}
        return approvals.ask(LOWER, dataset, payload, reason, grant)
    guarded_before = dataset.sensitivity in GUARDED
    _set(dataset, level, reason)
    keeps = grant.person_id is not None and grant.can(Permission.DATASET_DOWNLOAD)
    if level in GUARDED and not guarded_before and keeps:
        _let(grant, dataset, user=User.objects.get(pk=grant.user_id), reason=reason)
    return None


def _may_lower(grant: Grant, dataset: Dataset, level: str) -> bool:
    """Whether somebody lowers a sensitivity by their own word. Who decides on access does, but opens nothing to
    themselves that they may not have while somebody else can decide.
    """
    if not grant.can(Permission.ACCESS_DECIDE):
        return False
    return level in GUARDED or may_have(grant, dataset) or approvals_alone(grant)


def _set(dataset: Dataset, level: str, reason: str) -> None:
    before, dataset.sensitivity = dataset.sensitivity, level
    dataset.save(update_fields=["sensitivity"])
    audit.record("dataset.sensitivity", dataset, detail={"from": before, "to": level, "reason": reason})


def lowered(request: ApprovalRequest, grant: Grant) -> None:
    """What approving a lower sensitivity does. Raises `Conflict` where it was changed since somebody asked."""
    dataset = Dataset.objects.select_for_update().get(pk=request.target_id)
    if request.payload.get("from", dataset.sensitivity) != dataset.sensitivity:
        raise Conflict(
            "dataset.sensitivity_changed",
            _("“%(name)s” is %(level)s by now, which it was not when this was asked. Reject this request.")
            % {"name": dataset.name, "level": dataset.get_sensitivity_display()},
        )
    _set(dataset, str(request.payload["sensitivity"]), request.reason)


def lower_evidence(request: ApprovalRequest) -> list[tuple[str, str]]:
    """What it is, and what it would be."""
    dataset = Dataset.objects.filter(pk=request.target_id).first()
    levels = dict(Dataset.Sensitivity.choices)
    return [
        (_("Dataset"), request.target_label),
        (_("Sensitivity now"), str(dataset.get_sensitivity_display()) if dataset else "—"),
        (_("Would be"), str(levels[request.payload["sensitivity"]])),
    ]


def ask_access(grant: Grant, dataset: Dataset, reason: str, days: int = DEFAULT_DAYS) -> ApprovalRequest:
    """Ask to be let at a dataset. Raises `Conflict` where one may have it already, or has asked."""
    check_days(days)
    if may_have(grant, dataset):
        raise Conflict("dataset.access_held", _("You may have this data already."))
    return approvals.ask(ACCESS, dataset, {"days": days}, reason, grant)


def access_approved(request: ApprovalRequest, grant: Grant) -> None:
    """What approving a request for a dataset does."""
    dataset, person = Dataset.objects.get(pk=request.target_id), request.asked_by
    assert person is not None
    _let(grant, dataset, user=person, reason=request.reason, days=int(request.payload["days"]))


def access_evidence(request: ApprovalRequest) -> list[tuple[str, str]]:
    """How sensitive the data is, and who may have it."""
    dataset = Dataset.objects.filter(pk=request.target_id).first()
    if dataset is None:
        return [(_("Dataset"), _("gone"))]
    rows = DatasetGrant.objects.select_related("user", "robot").filter(dataset=dataset, ended_at=None)
    return [
        (_("Dataset"), dataset.name),
        (_("Sensitivity"), str(dataset.get_sensitivity_display())),
        (_("For"), _("%(days)d days") % {"days": request.payload["days"]}),
        (_("Has access"), ", ".join(row.bearer for row in rows if row.live) or _("nobody")),
    ]


def give_access(
    grant: Grant,
    dataset: Dataset,
    *,
    username: str = "",
    role: str = "",
    robot: str = "",
    days: int | None = None,
    reason: str,
) -> DatasetGrant:
    """Let a member, a robot, or everybody of a role, at a dataset; for good unless `days` is given.

    Raises `Invalid` for a missing reason, and unless exactly one of the three is named; `NotFound` for who is no member
    and for no such robot; `Conflict` for a robot that does not work; `Forbidden` to oneself.
    """
    grant.require(Permission.ACCESS_DECIDE)
    reason = _reason(reason)
    if days is not None:
        check_days(days)
    if sum(map(bool, (username, role, robot))) != 1:
        message = _("Name a person, a robot or a role, one of the three.")
        raise Invalid("dataset.bearer", message, errors={"username": [message]})
    if role:
        check_role(role)
        if role == grant.own_role and not approvals_alone(grant):
            raise Forbidden("access.self", _("This is your own role. Ask for access: somebody else decides."))
        return _let(grant, dataset, role=role, reason=reason, days=days)
    if robot:
        return _let(grant, dataset, robot=_robot_for(grant, dataset, robot), reason=reason, days=days)
    member = Membership.objects.select_related("user").filter(user__username__iexact=username.strip()).first()
    if member is None:
        message = _("“%(user)s” is not a member of this project.") % {"user": username}
        raise NotFound("member.not_found", message, errors={"username": [message]})
    if member.user_id == grant.user_id:
        raise Forbidden(
            "access.self", _("Nobody lets themselves at data. Ask for it: somebody else decides.")
        )
    return _let(grant, dataset, user=member.user, reason=reason, days=days)


def approvals_alone(grant: Grant) -> bool:
    """Whether nobody else in the project decides on access."""
    from projects.holdings import holders_of

    return not holders_of(Permission.ACCESS_DECIDE) - {grant.user_id}


def _robot_for(grant: Grant, dataset: Dataset, name: str) -> Robot:
    """Return the robot to let at a dataset, locked: it cannot be removed meanwhile. Who could act by it must have the
    data themselves.
    """
    robot = find_robot(name, lock=True)
    if not robot.works:
        raise Conflict(
            "robot.stopped",
            _("“%(name)s” is %(state)s: it would read nothing.")
            % {"name": robot.name, "state": RobotState(robot.state).label},
        )
    by_it = grant.can(Permission.TOKEN_MANAGE) or robot.responsible_id == grant.user_id
    if by_it and not may_have(grant, dataset) and not approvals_alone(grant):
        raise Forbidden(
            "access.self",
            _("You could read this data by the robot, and may not have it yourself: somebody else decides."),
        )
    return robot


def _let(
    grant: Grant,
    dataset: Dataset,
    *,
    user: User | None = None,
    robot: Robot | None = None,
    role: str = "",
    reason: str,
    days: int | None = None,
) -> DatasetGrant:
    let = DatasetGrant(
        dataset=dataset,
        user=user,
        robot=robot,
        role=role,
        reason=reason[:500],
        granted_by_label=grant.actor.person[:160],
        expires_at=timezone.now() + timedelta(days=days) if days else None,
    )
    let.save(force_insert=True)
    audit.record(
        "dataset.access_grant",
        dataset,
        detail={
            "to": let.bearer,
            "bearer": let.bearer_kind,
            "days": days,
            "until": let.expires_at.isoformat() if let.expires_at else None,
            "reason": reason,
            "grant": str(let.pk),
        },
    )
    _tell(grant, let, reason)
    return let


def _tell(grant: Grant, let: DatasetGrant, reason: str) -> None:
    """Tell the person, or who is responsible for the robot, unless they did it."""
    to, subject = let.user_id, noop("You may have the data of “%(name)s”")
    if let.robot is not None:
        to, subject = let.robot.responsible_id, noop("The robot “%(robot)s” may have the data of “%(name)s”")
    if to is None or to == grant.user_id:
        return
    notify(
        grant.account_id,
        GRANTED,
        subject,
        noop("%(who)s: %(note)s"),
        recipients=[to],
        values={
            "name": let.dataset.name,
            "robot": let.bearer,
            "who": let.granted_by_label,
            "note": reason,
        },
        link=f"/projects/{grant.slug}/datasets/{let.dataset.name}/",
    )


def find_grant(dataset: Dataset, pk: UUID) -> DatasetGrant:
    """Return a grant on a dataset; raises `NotFound`."""
    found: DatasetGrant | None = (
        DatasetGrant.objects.select_related("user", "robot", "dataset").filter(dataset=dataset, pk=pk).first()
    )
    if found is None:
        raise NotFound("dataset.grant_not_found", _("There is no such grant on this dataset."))
    return found


def end_access(grant: Grant, let: DatasetGrant) -> None:
    """End a grant on a dataset. Raises `Conflict` for one that has ended."""
    if let.user_id is None or let.user_id != grant.user_id:
        grant.require(Permission.ACCESS_DECIDE)
    if not DatasetGrant.objects.filter(pk=let.pk, ended_at=None).update(ended_at=timezone.now()):
        raise Conflict("access.ended", _("This grant has ended already."))
    audit.record("dataset.access_end", let.dataset, detail={"to": let.bearer, "grant": str(let.pk)})


def end_access_of(robot: Robot) -> int:
    """End every grant that names a robot that is removed, each on record; returns how many."""
    ended = 0
    for let in DatasetGrant.objects.select_related("dataset", "robot").filter(robot=robot, ended_at=None):
        ended += DatasetGrant.objects.filter(pk=let.pk, ended_at=None).update(ended_at=timezone.now())
        detail = {"to": let.bearer, "grant": str(let.pk), "robot_removed": True}
        audit.record("dataset.access_end", let.dataset, detail=detail)
    return ended
