"""Signing in with a name and a password: the portal's own, else the directory's."""

from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import audit, directory
from accounts.actions.external import Claims, sign_in_external
from accounts.actions.sign_in import actor_of, confirmed_again, first_step_done, take_a_try, target_of
from accounts.audit import ANONYMOUS
from accounts.errors import Unauthenticated
from accounts.models import ExternalIdentity, User
from accounts.origin import Origin
from accounts.tries import Tries


@sensitive_variables("password")
def sign_in(request: HttpRequest, username: str, password: str) -> User | None:
    """Open a session under a fresh key for the person whose password this is; None where a second step is to come.

    Raises `Unauthenticated`, with one answer in one time for an unknown name, a wrong password and a person who was
    deactivated: the hasher runs in each case (Django's `ModelBackend` sees to it), and so do the exchanges with the
    directory, where there is one. Raises `Throttled`, for names that nobody has as for others; `Unavailable` while the
    directory is away, for everybody whom the portal itself does not let in.
    """
    origin = Origin.of(request, "page")
    tries = Tries.of_name(request, origin.ip, username)
    target = target_of(username)
    with origin.acting(ANONYMOUS):
        take_a_try(tries, "user.sign_in", target)
        user = authenticate(request, username=username, password=password)
        claims = None if isinstance(user, User) else _in_directory(username, password)
        if not isinstance(user, User) and claims is None:
            audit.record("user.sign_in", target, outcome="failed")
            raise Unauthenticated("auth.wrong", _("The username or the password is wrong."))
    tries.succeeded()
    if isinstance(user, User):
        return first_step_done(request, user, "password")
    assert claims is not None
    return sign_in_external(
        request, claims, settings.LDAP_GROUPS, create=settings.LDAP_CREATE_USERS, by="directory"
    )


@sensitive_variables("password")
def _in_directory(username: str, password: str) -> Claims | None:
    if not directory.enabled():
        return None
    own = User.objects.filter(username__iexact=username).first()
    return directory.identify(username, password, decoy=own is not None and own.has_usable_password())


def directory_subject(user: User) -> str | None:
    """By which identifier the directory knows this person, who has no password here; None where it does not."""
    if not directory.enabled() or user.has_usable_password():
        return None
    rows = ExternalIdentity.objects.filter(user=user, issuer=directory.ISSUER)
    return rows.values_list("subject", flat=True).first()


def takes_password(user: User) -> bool:
    """Whether there is a password that this person can be asked for: the portal's, or the directory's."""
    return user.has_usable_password() or directory_subject(user) is not None


@sensitive_variables("password")
def sign_in_again(request: HttpRequest, user: User, password: str) -> None:
    """Take the signed-in person's password once more, before something dangerous. Both outcomes are on record.

    Raises `Unauthenticated` where it is wrong, `Throttled`.
    """
    origin = Origin.of(request, "page")
    tries = Tries.of_name(request, origin.ip, user.username)
    with origin.acting(actor_of(user)):
        take_a_try(tries, "user.sign_in_again", user)
        known = authenticate(request, username=user.username, password=password) == user
        subject = None if known else directory_subject(user)
        if not known and not (subject and directory.confirms(subject, password)):
            audit.record("user.sign_in_again", user, outcome="failed")
            raise Unauthenticated("auth.wrong", _("The password is wrong."))
    tries.succeeded()
    confirmed_again(request, user, "password")
