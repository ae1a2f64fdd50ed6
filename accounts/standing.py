"""What a signed-in person still has to do before anything else opens: every door asks."""

from enum import StrEnum

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.errors import Forbidden
from accounts.models import PlatformRole, User


class Due(StrEnum):
    """What is due first."""

    PASSWORD = "password"  # noqa: S105  # what is due, not what it is
    SECOND_FACTOR = "second_factor"


def needs_second_factor(user: User) -> bool:
    """Whether PORTAL_REQUIRE_MFA asks this person for a second factor."""
    if settings.REQUIRE_MFA == "admins":
        return user.platform_role != PlatformRole.MEMBER
    return bool(settings.REQUIRE_MFA == "everyone")


def due(user: User) -> Due | None:
    """Return what this person has to do first, or None."""
    if user.must_change_password:
        return Due.PASSWORD
    if user.second_factor_at is None and needs_second_factor(user):
        return Due.SECOND_FACTOR
    return None


def page_of(what: Due) -> str:
    """The address of the page on which it is done."""
    return reverse({Due.PASSWORD: "accounts:password", Due.SECOND_FACTOR: "accounts:security"}[what])


def refuse_until_done(user: User) -> None:
    """Raise `Forbidden` while something is due: for callers that follow no redirect."""
    what = due(user)
    if what is Due.PASSWORD:
        raise Forbidden(
            "password.change_first",
            _("You signed in with a one-time password. Choose a password of your own at /password/ first."),
        )
    if what is Due.SECOND_FACTOR:
        raise Forbidden(
            "second_factor.set_up_first",
            _("This portal asks you for a second factor. Set one up at /me/security/ first."),
        )
