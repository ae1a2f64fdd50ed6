"""Who works in a project, and as what."""

from django.utils.translation import gettext as _

from accounts import audit
from accounts.errors import Conflict, Invalid, NotFound
from accounts.models import User
from projects.doors.grant import Grant
from projects.models import Membership
from projects.permissions import Role


def _check_role(role: str) -> None:
    if role not in Role.values:
        message = _("There is no role “%(role)s”. Roles: %(roles)s.") % {
            "role": role,
            "roles": ", ".join(Role.values),
        }
        raise Invalid("member.role", message, errors={"role": [message]})


def add_member(grant: Grant, username: str, role: str) -> Membership:
    """Make a person a member.

    Raises `NotFound` for nobody of that name, `Conflict` for a member, `Invalid` for a role.
    """
    _check_role(role)
    user = User.objects.filter(username__iexact=username.strip(), is_active=True).first()
    if user is None:
        message = _("There is nobody called “%(user)s” here. Ask a platform admin to make this person.") % {
            "user": username
        }
        raise NotFound("user.not_found", message, errors={"username": [message]})
    if Membership.objects.filter(user=user).exists():
        raise Conflict("member.exists", _("“%(user)s” is a member already.") % {"user": user.username})
    membership = Membership(user=user, role=role)
    membership.save(force_insert=True)
    audit.record("member.add", membership, detail={"role": role})
    return membership


def _keep_an_owner(membership: Membership) -> None:
    """Raise `Conflict` where this is the last owner. Every owner's row is locked, always in one order: of two owners
    who leave at the same moment, the second one waits, and finds themselves the last."""
    owners = Membership.objects.select_for_update().filter(role=Role.OWNER).order_by("pk")
    if list(owners.values_list("pk", flat=True)) == [membership.pk]:
        raise Conflict("member.last_owner", _("A project needs an owner: make somebody else one first."))


def change_role(grant: Grant, membership: Membership, role: str) -> Membership:
    """Give a member another role. Raises `Conflict` where the project would be left without an owner."""
    _check_role(role)
    if role != Role.OWNER:
        _keep_an_owner(membership)
    before = membership.role
    membership.role = role
    membership.save(update_fields=["role"])
    audit.record("member.role", membership, detail={"from": before, "to": role})
    return membership


def remove_member(grant: Grant, membership: Membership) -> None:
    """End a membership; the person's tokens stop at once, since a token never has more than its person."""
    _keep_an_owner(membership)
    audit.record("member.remove", membership, detail={"role": membership.role})
    membership.delete()
