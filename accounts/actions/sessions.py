"""Signing in and out. Every attempt is on record; what was typed as a password never is."""

from django.contrib.auth import authenticate, login, logout, update_session_auth_hash
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import audit
from accounts.actions.users import set_password
from accounts.audit import ANONYMOUS, Actor, Target
from accounts.errors import Invalid, Unauthenticated
from accounts.models import User
from accounts.origin import Origin
from accounts.recent import confirm


def _target_of(username: str) -> Target:
    """The person meant, where there is one. A name that nobody has is not kept: it may be a mistyped password."""
    user = User.objects.filter(username__iexact=username).first()
    return Target.of(user) if user is not None else Target("user", "", "")


@sensitive_variables("password")
def sign_in(request: HttpRequest, username: str, password: str) -> User:
    """Open a session under a fresh key for the person whose password this is.

    Raises `Unauthenticated`, with one answer in one time for an unknown name, a wrong password and a person who was
    deactivated: the hasher runs in each case (Django's `ModelBackend` sees to it).
    """
    origin = Origin.of(request, "page")
    user = authenticate(request, username=username, password=password)
    target = _target_of(username)
    if not isinstance(user, User):
        with origin.acting(ANONYMOUS):
            audit.record("user.sign_in", target, outcome="failed")
        raise Unauthenticated("auth.wrong", _("The username or the password is wrong."))
    with origin.acting(Actor("user", str(user.pk), user.label)), transaction.atomic():
        login(request, user)
        confirm(request)
        audit.record("user.sign_in", user)
    return user


@sensitive_variables("password")
def sign_in_again(request: HttpRequest, user: User, password: str) -> None:
    """Take the signed-in person's password once more, before something dangerous; the session gets a fresh key.

    Raises `Unauthenticated` where it is wrong. Both are on record.
    """
    with Origin.of(request, "page").acting(Actor("user", str(user.pk), user.label)):
        if not user.check_password(password):
            audit.record("user.sign_in_again", user, outcome="failed")
            raise Unauthenticated("auth.wrong", _("The password is wrong."))
        with transaction.atomic():
            request.session.cycle_key()
            confirm(request)
            audit.record("user.sign_in_again", user)


def sign_out(request: HttpRequest) -> None:
    """End the session, on the server as well."""
    user = request.user
    if isinstance(user, User):
        with Origin.of(request, "page").acting(Actor("user", str(user.pk), user.label)), transaction.atomic():
            audit.record("user.sign_out", user)
            logout(request)
    else:
        logout(request)


@sensitive_variables("current", "password")
def change_password(request: HttpRequest, user: User, current: str, password: str) -> None:
    """Give the signed-in person a password of their own choice; this session goes on, their others end.

    `current` is not asked for while a one-time password waits to be changed: it has just been typed. Raises
    `Invalid` where it is wrong.
    """
    with Origin.of(request, "page").acting(Actor("user", str(user.pk), user.label)):
        if not user.must_change_password and not user.check_password(current):
            audit.record("user.password", user, outcome="failed")
            message = _("This is not your current password.")
            raise Invalid("password.wrong", message, errors={"current": [message]})
        with transaction.atomic():
            set_password(user, password)
            update_session_auth_hash(request, user)
