"""Robots: made, changed, stopped; their tokens are made here and revoked like all others.

Who manages tokens manages robots, and gives none more than they have: neither the robot, nor a token of a robot that
somebody stronger made, nor data that was given to a role that is not theirs, or to the robot by name. Stopping one
takes no more than the permission. Who entered by break-glass may stop robots, and makes nothing that would outlast
their entrance.
"""

import re
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from accounts import audit
from accounts.errors import Conflict, Forbidden, Invalid, NotFound
from accounts.models import User
from accounts.tenancy import require_account
from projects.actions.tokens import (
    DEFAULT_LIFETIME,
    check_lifetime,
    check_scopes,
    record_made,
    within_parent,
    write_text,
)
from projects.doors.grant import Grant
from projects.holdings import check_role, role_permissions
from projects.models import Membership, Project, Robot, RobotState, Token
from projects.networks import networks
from projects.notifications import notify
from projects.permissions import Permission
from projects.reach import end_grants_of, given_to_role, more_by_robot

LEFT = "robot.left"
_NAME = re.compile(r"[a-z][a-z0-9-]{1,31}")


def _check_more(grant: Grant, role: str, robot: Robot | None = None) -> None:
    """Raise `Forbidden` for a role that would give a robot more than the caller has, and for a robot that was let by
    name at data that the caller may not have.
    """
    if grant.break_glass_id is not None:
        raise Forbidden("robot.break_glass", _("Who enters by break-glass makes no robots and no tokens."))
    more = sorted(role_permissions(role) - grant.permissions)
    if more:
        raise Forbidden(
            "robot.more",
            _("The role “%(role)s” may do more than you here: %(more)s.")
            % {"role": role, "more": ", ".join(more)},
            permission=more[0],
        )
    if given_to_role(role) and role != grant.own_role:
        grant.require(Permission.ACCESS_DECIDE)
    if robot is not None and more_by_robot(grant, robot.pk):
        raise Forbidden(
            "robot.more",
            _("The robot “%(name)s” was let at data that you may not have. Ask for access to it first.")
            % {"name": robot.name},
            permission=Permission.DATASET_DOWNLOAD,
        )


def _responsible(username: str) -> User:
    rows = Membership.objects.select_related("user").filter(user__is_active=True)
    found = (
        rows.filter(user__username__iexact=username.strip()).exclude(expires_at__lte=timezone.now()).first()
    )
    if found is None:
        message = _("“%(user)s” is not a member of this project.") % {"user": username}
        raise Invalid("robot.responsible", message, errors={"responsible": [message]})
    user: User = found.user
    return user


def _check_until(expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= timezone.now():
        message = _("This moment has passed.")
        raise Invalid("robot.until", message, errors={"expires_at": [message], "until": [message]})


def find_robot(name: str, *, lock: bool = False) -> Robot:
    """Return a robot of the project in scope that was not deleted; raises `NotFound`."""
    rows = Robot.objects.select_for_update(of=("self",)) if lock else Robot.objects.get_queryset()
    found: Robot | None = rows.select_related("responsible").filter(name=name, deleted_at=None).first()
    if found is None:
        raise NotFound("robot.not_found", _("This project has no robot “%(name)s”.") % {"name": name[:48]})
    return found


def make_robot(
    grant: Grant,
    *,
    name: str,
    role: str,
    description: str = "",
    responsible: str = "",
    expires_at: datetime | None = None,
) -> Robot:
    """Make a robot; the person behind `grant` is responsible unless another member is named.

    Raises `Invalid` for a name, a role or a member that is none, or a moment that has passed; `Conflict` for a name in
    use; `Forbidden` for a role that may do more than the maker's.
    """
    grant.require(Permission.TOKEN_MANAGE)
    name = name.strip()
    if not _NAME.fullmatch(name):
        message = _(
            "A robot's name has 2 to 32 lower-case letters, digits and hyphens, and begins with a letter."
        )
        raise Invalid("robot.name", message, errors={"name": [message]})
    check_role(role, "robot.role")
    _check_more(grant, role)
    _check_until(expires_at)
    user = _responsible(responsible) if responsible else User.objects.get(pk=grant.user_id)
    if Membership.objects.filter(user__username__iexact=name).exists():
        message = _("A member is called “%(name)s”: the record must not take one for the other.") % {
            "name": name
        }
        raise Conflict("robot.exists", message, errors={"name": [message]})
    robot = Robot(
        name=name,
        description=description.strip()[:300],
        role=role,
        responsible=user,
        created_by_label=grant.actor.person[:160],
        expires_at=expires_at,
    )
    try:
        with transaction.atomic():
            robot.save(force_insert=True)
    except IntegrityError:
        message = _("There is a robot “%(name)s” already.") % {"name": name}
        raise Conflict("robot.exists", message, errors={"name": [message]}) from None
    audit.record("robot.create", robot, detail=_facts(robot))
    return robot


def _facts(robot: Robot) -> dict[str, str]:
    until = robot.expires_at.isoformat(timespec="minutes") if robot.expires_at else ""
    return {"role": robot.role, "responsible": robot.responsible.username, "until": until}


def change_robot(
    grant: Grant,
    robot: Robot,
    *,
    description: str,
    role: str,
    responsible: str,
    expires_at: datetime | None,
) -> Robot:
    """Give a robot another role, person, description or end. What changes counts with its next call.

    Raises as `make_robot` does; who may do less than the robot changes nothing of it.
    """
    grant.require(Permission.TOKEN_MANAGE)
    _check_more(grant, robot.role, robot)
    check_role(role, "robot.role")
    _check_more(grant, role)
    if expires_at != robot.expires_at:
        _check_until(expires_at)
    before = _facts(robot)
    if responsible.strip().lower() != robot.responsible.username.lower():
        robot.responsible = _responsible(responsible)
    robot.description, robot.role, robot.expires_at = description.strip()[:300], role, expires_at
    robot.save(update_fields=["description", "role", "responsible", "expires_at"])
    Token.objects.filter(robot=robot, purpose=Token.Purpose.ROBOT).update(role=role)
    after = _facts(robot)
    changed = {key: {"from": before[key], "to": after[key]} for key in after if before[key] != after[key]}
    audit.record("robot.change", robot, detail=changed)
    return robot


def disable_robot(grant: Grant, robot: Robot, reason: str) -> Robot:
    """Stop a robot: none of its tokens opens anything from now on, in any process. Raises `Invalid` without a reason,
    `Conflict` for one that is disabled.
    """
    grant.require(Permission.TOKEN_MANAGE)
    reason = _reason(reason)
    now = timezone.now()
    if not Robot.objects.filter(pk=robot.pk, disabled_at=None, deleted_at=None).update(disabled_at=now):
        raise Conflict("robot.disabled", _("“%(name)s” is disabled already.") % {"name": robot.name})
    robot.disabled_at = now
    audit.record("robot.disable", robot, detail={"reason": reason})
    return robot


def enable_robot(grant: Grant, robot: Robot) -> Robot:
    """Let a disabled robot work again, with the tokens that it has. Raises `Conflict` for one that is not disabled,
    `Forbidden` for one that may do more than the caller.
    """
    grant.require(Permission.TOKEN_MANAGE)
    _check_more(grant, robot.role, robot)
    rows = Robot.objects.filter(pk=robot.pk, deleted_at=None).exclude(disabled_at=None)
    if not rows.update(disabled_at=None):
        raise Conflict("robot.enabled", _("“%(name)s” is not disabled.") % {"name": robot.name})
    robot.disabled_at = None
    audit.record("robot.enable", robot)
    return robot


def delete_robot(grant: Grant, robot: Robot, reason: str) -> None:
    """End a robot for good, with all its tokens, those of the jobs that it launched among them, and every grant that
    names it. Raises `Invalid` without a reason.
    """
    grant.require(Permission.TOKEN_MANAGE)
    reason, now = _reason(reason), timezone.now()
    if not Robot.objects.filter(pk=robot.pk, deleted_at=None).update(deleted_at=now):
        raise NotFound("robot.not_found", _("This project has no robot “%(name)s”.") % {"name": robot.name})
    ended = Token.objects.filter(robot=robot, revoked_at=None).update(revoked_at=now)
    grants = end_grants_of(robot)
    robot.deleted_at = now
    audit.record("robot.delete", robot, detail={"reason": reason, "tokens": ended, "grants": grants})


def _reason(text: str) -> str:
    reason = text.strip()[:500]
    if not reason:
        message = _("Say why: it stays on record.")
        raise Invalid("robot.reason", message, errors={"reason": [message]})
    return reason


def make_robot_token(
    grant: Grant,
    robot: Robot,
    *,
    name: str,
    scopes: list[str] | None = None,
    addresses: list[str] | None = None,
    lifetime: timedelta = DEFAULT_LIFETIME,
) -> tuple[Token, str]:
    """Make a token of a robot, beside those that it has; the second value is shown once and kept nowhere.

    It acts in the robot's role of each moment, cut to `scopes`. Raises `Invalid` for an unknown scope, a bad address or
    lifetime, `Conflict` for a robot that does not work, `Forbidden` for one that may do more than the caller.
    """
    grant.require(Permission.TOKEN_MANAGE)
    _check_more(grant, robot.role, robot)
    if not robot.works:
        raise Conflict(
            "robot.stopped",
            _("“%(name)s” is %(state)s: its tokens would open nothing.")
            % {"name": robot.name, "state": RobotState(robot.state).label},
        )
    check_lifetime(lifetime)
    lifetime, addresses = within_parent(grant, lifetime, addresses)
    token = Token(
        purpose=Token.Purpose.ROBOT,
        robot=robot,
        name=name,
        role=robot.role,
        scopes=check_scopes(scopes),
        addresses=networks(addresses or []),
        expires_at=timezone.now() + lifetime,
    )
    text = write_text(token)
    record_made(token, {"robot": robot.name})
    return token, text


def tell_of_leaver(user: User) -> int:
    """Tell who manages members which robots a leaver was responsible for; returns how many. In the account's scope."""
    left = list(Robot.objects.filter(responsible=user, deleted_at=None).order_by("name"))
    if left:
        names = ", ".join(robot.name for robot in left)
        for robot in left:
            audit.record("robot.left", robot, detail={"responsible": user.username})
        notify(
            require_account(),
            LEFT,
            noop("%(user)s has left: nobody is responsible for %(robots)s"),
            noop("They go on working. Name somebody else, or disable them."),
            recipients=str(Permission.MEMBER_MANAGE),
            values={"user": user.username, "robots": names},
            link=f"/projects/{Project.objects.get().slug}/settings/robots/",
        )
    return len(left)


__all__ = [
    "LEFT",
    "change_robot",
    "delete_robot",
    "disable_robot",
    "enable_robot",
    "find_robot",
    "make_robot",
    "make_robot_token",
    "tell_of_leaver",
]
