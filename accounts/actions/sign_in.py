"""Signing in, by steps, and out. Every attempt is on record; what was typed as a password never is."""

import hmac
import time
from typing import Any

from django.contrib.auth import login, logout, update_session_auth_hash
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import audit, devices
from accounts.actions import factors
from accounts.actions.sessions import end_other_sessions
from accounts.actions.users import set_password
from accounts.audit import ANONYMOUS, Actor, Target
from accounts.errors import Invalid, Unauthenticated
from accounts.models import User
from accounts.origin import Origin
from accounts.recent import confirm
from accounts.sessions import BEGAN, IP, USER_AGENT
from accounts.throttle import Throttled
from accounts.tries import Tries

_HALF = "half_signed_in"
_HALF_SECONDS = 600


def actor_of(user: User) -> Actor:
    """How the audit log calls this person."""
    return Actor("user", str(user.pk), user.label)


def target_of(username: str) -> Target:
    """The person meant, where there is one. A name that nobody has is not kept: it may be a mistyped password."""
    user = User.objects.filter(username__iexact=username).first()
    return Target.of(user) if user is not None else Target("user", "", "")


def take_a_try(tries: Tries, action: str, target: Target | User) -> None:
    """Take one; raises `Throttled`, on record once for each wait: a flood of tries must not flood the log."""
    try:
        tries.take()
    except Throttled as error:
        if error.first:
            audit.record(
                action,
                target,
                outcome="denied",
                detail={"reason": "throttled", "tier": error.bucket.tier.name},
            )
        raise


def first_step_done(request: HttpRequest, user: User, by: str) -> User | None:
    """Open the session, or where this person has a second factor, remember in a session of nobody's who is half in.

    Nothing but the second step looks at what is remembered: to every door the visitor is anonymous.
    """
    if user.second_factor_at is None:
        open_session(request, user, by)
        return user
    with Origin.of(request, "page").acting(actor_of(user)), transaction.atomic():
        request.session.flush()
        request.session[_HALF] = {
            "user": str(user.pk),
            "at": time.time(),
            "by": by,
            "password": user.get_session_auth_hash(),
        }
        audit.record("user.first_step", user, detail={"by": by})
    return None


def half_signed_in(request: HttpRequest) -> tuple[User, str]:
    """Who has done the first step in this browser, and how. Raises `Unauthenticated` where nobody has of late."""
    half = request.session.get(_HALF)
    if isinstance(half, dict) and 0 <= time.time() - half["at"] <= _HALF_SECONDS:
        user = User.objects.filter(pk=half["user"], is_active=True).first()
        if user is not None and hmac.compare_digest(user.get_session_auth_hash(), half["password"]):
            return user, half["by"]
    raise Unauthenticated("auth.first_step", _("Sign in with your password first."))


@sensitive_variables("code")
def second_step(request: HttpRequest, code: str) -> User:
    """Open the session of whoever has done the first step and types this code.

    Raises `Unauthenticated`, `Throttled`.
    """
    user, by = half_signed_in(request)
    origin = Origin.of(request, "page")
    tries = Tries.of_code(request, origin.ip, user.username)
    with origin.acting(actor_of(user)):
        take_a_try(tries, "user.second_step", user)
        try:
            how = factors.take_code(user, code)
        except Unauthenticated:
            audit.record("user.second_step", user, outcome="failed")
            raise
    tries.succeeded()
    open_session(request, user, f"{by}, {how}")
    return user


def second_step_by_passkey(request: HttpRequest, answer: str) -> User:
    """The same by passkey. Raises `Unauthenticated` where no first step was done, `Invalid`, `Throttled`."""
    user, by = half_signed_in(request)
    origin = Origin.of(request, "page")
    tries = Tries.of_code(request, origin.ip, user.username)
    with origin.acting(actor_of(user)):
        take_a_try(tries, "user.second_step", user)
        try:
            factors.take_passkey(request, answer, user)
        except Invalid:
            audit.record("user.second_step", user, outcome="failed", detail={"by": "passkey"})
            raise
    tries.succeeded()
    open_session(request, user, f"{by}, passkey")
    return user


def sign_in_by_passkey(request: HttpRequest, answer: str) -> User:
    """Open the session of whoever's passkey answers: device and PIN or finger, two factors in one.

    Raises `Invalid`, the same for unknown passkeys, wrong answers and people who were deactivated; `Throttled`.
    """
    origin = Origin.of(request, "page")
    tries = Tries.of_address(origin.ip)
    with origin.acting(ANONYMOUS):
        take_a_try(tries, "user.sign_in", Target("user", "", ""))
        try:
            user = factors.take_passkey(request, answer, None)
        except Invalid:
            audit.record("user.sign_in", Target("user", "", ""), outcome="failed", detail={"by": "passkey"})
            raise
    tries.succeeded()
    open_session(request, user, "passkey")
    return user


def open_session(request: HttpRequest, user: User, by: str) -> None:
    """Open this person's session: `by` says what they proved themselves with."""
    origin = Origin.of(request, "page")
    with origin.acting(actor_of(user)), transaction.atomic():
        # Signing in over one's own old session is a new one.
        request.session.pop(BEGAN, None)
        request.session.pop(_HALF, None)
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        request.session[IP], request.session[USER_AGENT] = origin.ip, origin.user_agent[:255]
        confirm(request)
        audit.record("user.sign_in", user, detail={"by": by})


def confirmed_again(request: HttpRequest, user: User, by: str) -> None:
    """Note a fresh proof: the session gets a fresh key."""
    with Origin.of(request, "page").acting(actor_of(user)), transaction.atomic():
        request.session.cycle_key()
        confirm(request)
        audit.record("user.sign_in_again", user, detail={"by": by})


def sign_in_again_by(request: HttpRequest, user: User, *, code: str = "", answer: str = "") -> None:
    """The same proof by a code or by a passkey. Raises `Unauthenticated`, `Invalid`, `Throttled`."""
    origin = Origin.of(request, "page")
    tries = Tries.of_code(request, origin.ip, user.username)
    with origin.acting(actor_of(user)):
        take_a_try(tries, "user.sign_in_again", user)
        try:
            if answer:
                factors.take_passkey(request, answer, user)
            else:
                factors.take_code(user, code)
        except (Unauthenticated, Invalid):
            audit.record("user.sign_in_again", user, outcome="failed")
            raise
    tries.succeeded()
    confirmed_again(request, user, "passkey" if answer else "code")


def sign_out(request: HttpRequest) -> None:
    """End the session, on the server as well."""
    user: Any = request.user
    if isinstance(user, User):
        with Origin.of(request, "page").acting(actor_of(user)), transaction.atomic():
            audit.record("user.sign_out", user)
            logout(request)
    else:
        logout(request)


@sensitive_variables("current", "password")
def change_password(request: HttpRequest, user: User, current: str, password: str) -> None:
    """Give the signed-in person a password of their own choice; this session goes on, their others end.

    `current` is not asked for while a one-time password waits to be changed: it has just been typed. Raises
    `Invalid` where it is wrong, `Throttled`.
    """
    origin = Origin.of(request, "page")
    with origin.acting(actor_of(user)):
        if not user.must_change_password:
            tries = Tries.of_name(request, origin.ip, user.username)
            take_a_try(tries, "user.password", user)
            if not user.check_password(current):
                audit.record("user.password", user, outcome="failed")
                message = _("This is not your current password.")
                raise Invalid("password.wrong", message, errors={"current": [message]})
            tries.succeeded()
        with transaction.atomic():
            set_password(user, password)
            update_session_auth_hash(request, user)
            end_other_sessions(user, request.session)
            devices.forget_others(request, user)
