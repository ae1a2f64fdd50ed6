"""What a person is on the platform: changed in one place, with all that hangs on it."""

from collections.abc import Callable

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.errors import Conflict, Invalid
from accounts.models import PlatformRole, User

# Upper floors end what was given to the role that somebody loses: in the transaction that takes it; returns how much.
End = Callable[[User], int]
_ends: dict[str, End] = {}


def register_end(what: str, end: End) -> None:
    """Let a floor end things of its own with a platform role; called from an app's `ready()`. `what` is on record."""
    _ends[what] = end


def change_platform_role(user: User, role: str, *, reason: str = "", by: str = "") -> User:
    """Make somebody a member, an admin or an auditor of the platform, and end what they had as what they were.

    Without that, what was made in the old role would work again on the day on which it is given back. `by` says what
    changed it where no person did. Raises `Invalid` for no such role, `Conflict` for the role that they have.
    """
    if role not in PlatformRole.values:
        message = _("There is no platform role “%(role)s”.") % {"role": role}
        raise Invalid("user.platform_role", message, errors={"role": [message]})
    with transaction.atomic():
        before = User.objects.select_for_update().get(pk=user.pk).platform_role
        if before == role:
            raise Conflict(
                "user.platform_role",
                _("“%(user)s” has the platform role “%(role)s” already.")
                % {"user": user.username, "role": role},
            )
        User.objects.filter(pk=user.pk).update(platform_role=role)
        user.platform_role = role
        ended = {what: end(user) for what, end in _ends.items()}
        detail = {
            "from": before,
            "to": role,
            "ended": {what: count for what, count in ended.items() if count},
        }
        more = {key: value for key, value in (("by", by), ("reason", reason.strip())) if value}
        audit.record("user.platform_role", user, detail={**detail, **more})
    return user


__all__ = ["change_platform_role", "register_end"]
