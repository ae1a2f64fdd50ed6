"""Who works in a project, and as what."""

from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.errors import Conflict, Forbidden, Invalid, NotFound
from accounts.models import User
from projects.actions.robots import tell_of_leaver
from projects.doors.grant import Grant
from projects.holdings import check_role, role_permissions
from projects.models import Membership
from projects.permissions import Permission, Role
from projects.reach import given_to_role


def add_member(grant: Grant, username: str, role: str, *, expires_at: datetime | None = None) -> Membership:
    """Make a person a member, for good or until a moment.

    Raises `NotFound` for nobody of that name, `Forbidden` for a role that is not theirs to give, `Conflict` for a
    member, `Invalid` for a role, or for a moment that has passed.
    """
    check_role(role)
    _within_own(grant, role)
    _may_let_at(grant, role)
    if expires_at is not None and expires_at <= timezone.now():
        message = _("This moment has passed.")
        raise Invalid("member.until", message, errors={"until": [message]})
    user = User.objects.filter(username__iexact=username.strip(), is_active=True).first()
    if user is None:
        message = _("There is nobody called “%(user)s” here. Ask a platform admin to make this person.") % {
            "user": username
        }
        raise NotFound("user.not_found", message, errors={"username": [message]})
    if grant.break_glass_id is not None and user.pk == grant.user_id:
        raise Forbidden("breakglass.self", _("Who enters by break-glass makes no member of themselves."))
    if Membership.objects.filter(user=user).exists():
        raise Conflict("member.exists", _("“%(user)s” is a member already.") % {"user": user.username})
    membership = Membership(user=user, role=role, expires_at=expires_at)
    membership.save(force_insert=True)
    detail = {"role": role, "until": expires_at.isoformat()} if expires_at else {"role": role}
    audit.record("member.add", membership, detail=detail)
    return membership


def find_member_named(username: str) -> Membership:
    """Return a member of the project in scope by their name; raises `NotFound`."""
    rows = Membership.objects.select_related("user")
    found: Membership | None = rows.filter(user__username__iexact=username.strip()).first()
    if found is None:
        message = _("“%(user)s” is not a member of this project.") % {"user": username}
        raise NotFound("member.not_found", message, errors={"username": [message]})
    return found


def _within_own(grant: Grant, role: str) -> None:
    """Raise `Forbidden` for a role that may do more than who hands it out: it would be handed to a friend, and back."""
    if grant.break_glass_id is not None:
        return  # to repair a project that nobody can manage any more is what it is for
    more = sorted(role_permissions(role) - grant.permissions)
    if more:
        raise Forbidden(
            "member.more",
            _("The role “%(role)s” may do more than you here: %(more)s.")
            % {"role": role, "more": ", ".join(more)},
            permission=more[0],
        )


def _may_let_at(grant: Grant, role: str, *, oneself: bool = False) -> None:
    """Raise `Forbidden` for a role that guarded data was given to, unless by who decides on access, and for others than
    themselves: to be of that role is to have the data.
    """
    if grant.break_glass_id is not None or not given_to_role(role):
        return
    grant.require(Permission.ACCESS_DECIDE)
    if oneself:
        raise Forbidden(
            "access.self", _("Nobody lets themselves at data: somebody else has to give you this role.")
        )


def keep_an_owner(membership: Membership) -> None:
    """Raise `Conflict` where this is the last owner. Every owner's row is locked, always in one order: of two owners
    who leave at the same moment, the second one waits, and finds themselves the last."""
    lasting = Membership.objects.filter(role=Role.OWNER, expires_at=None)
    owners = lasting.select_for_update().order_by("pk")
    if list(owners.values_list("pk", flat=True)) == [membership.pk]:
        raise Conflict("member.last_owner", _("A project needs an owner: make somebody else one first."))


def change_role(grant: Grant, membership: Membership, role: str) -> Membership:
    """Give a member another role. Raises `Forbidden` for one that is not theirs to give, `Conflict` where the project
    would be left without an owner.
    """
    check_role(role)
    _within_own(grant, role)
    _within_own(grant, membership.role)
    if role != membership.role:
        _may_let_at(grant, role, oneself=membership.user_id == grant.user_id)
    if role != Role.OWNER:
        keep_an_owner(membership)
    before = membership.role
    membership.role = role
    membership.save(update_fields=["role"])
    audit.record("member.role", membership, detail={"from": before, "to": role})
    return membership


def remove_member(grant: Grant, membership: Membership) -> None:
    """End a membership; the person's tokens stop at once, since a token never has more than its person."""
    _within_own(grant, membership.role)
    keep_an_owner(membership)
    audit.record("member.remove", membership, detail={"role": membership.role})
    membership.delete()
    tell_of_leaver(membership.user)


def end_membership(membership: Membership) -> None:
    """End a membership whose time is up; doors have not counted it since."""
    audit.record("member.end", membership, detail={"role": membership.role})
    membership.delete()
    tell_of_leaver(membership.user)
