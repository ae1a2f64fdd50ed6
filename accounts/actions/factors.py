"""Second factors: setting up, taking away, and checking one. Everything is on record, no code and no secret ever is."""

import hmac
import secrets
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import audit, passkeys, totp
from accounts.crypto import SealError, pepper
from accounts.errors import Invalid, NotFound, Unauthenticated
from accounts.models import Factor, RecoveryCode, User
from accounts.passkeys import Proven, Registered

RECOVERY_CODES = 10
# 60 bits each, of letters and digits that are not taken for each other.
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
_CODE_LENGTH = 12
_PENDING = timedelta(minutes=30)


def factors_of(user: User) -> list[Factor]:
    """This person's second factors, the oldest first."""
    return list(Factor.objects.filter(user=user, confirmed_at__isnull=False).order_by("created_at"))


def codes_left(user: User) -> int:
    """How many recovery codes have not been used."""
    return RecoveryCode.objects.filter(user=user, used_at__isnull=True).count()


def begin_app(user: User) -> Factor:
    """Make a secret for an authenticator app, which counts once a code of it is typed. Earlier tries are forgotten."""
    with transaction.atomic():
        Factor.objects.filter(user=user, kind=Factor.Kind.TOTP, confirmed_at__isnull=True).delete()
        factor = Factor(
            user=user, kind=Factor.Kind.TOTP, name=_("Authenticator app"), secret=totp.new_secret()
        )
        factor.save(force_insert=True)
    return factor


def pending_app(user: User) -> Factor | None:
    """The app that is being set up, if that began a short while ago."""
    since = timezone.now() - _PENDING
    return Factor.objects.filter(
        user=user, kind=Factor.Kind.TOTP, confirmed_at__isnull=True, created_at__gt=since
    ).first()


def confirm_app(user: User, code: str) -> list[str]:
    """Take the first code of the app that is being set up: from now on it is asked for.

    Returns new recovery codes where these are the first of this person's factors. Raises `Invalid` for a wrong code;
    an app that was set up before is replaced.
    """
    factor = pending_app(user)
    if factor is None:
        raise Invalid("totp.not_begun", _("The set-up has timed out. Begin again."))
    if not _take_app_code(factor, code):
        audit.record("mfa.enable", factor, outcome="failed")
        message = _("This is not the code that the app shows now. Check the clock of the phone.")
        raise Invalid("totp.wrong", message, errors={"code": [message]})
    with transaction.atomic():
        Factor.objects.filter(user=user, kind=Factor.Kind.TOTP, confirmed_at__isnull=False).delete()
        Factor.objects.filter(pk=factor.pk).update(confirmed_at=timezone.now())
        return _enabled(user, factor)


def add_passkey(user: User, made: Registered, name: str) -> list[str]:
    """Keep a passkey; returns new recovery codes where it is the first of this person's factors."""
    now = timezone.now()
    with transaction.atomic():
        factor = Factor(
            user=user,
            kind=Factor.Kind.PASSKEY,
            name=name or _("Passkey"),
            credential_id=made.credential_id,
            credential=made.credential,
            sign_count=made.sign_count,
            confirmed_at=now,
        )
        if Factor.objects.filter(credential_id=made.credential_id).exists():
            raise passkeys.refused()
        factor.save(force_insert=True)
        return _enabled(user, factor)


def _enabled(user: User, factor: Factor) -> list[str]:
    audit.record("mfa.enable", factor)
    first = user.second_factor_at is None
    if first:
        user.second_factor_at = timezone.now()
        user.save(update_fields=["second_factor_at"])
    return make_recovery_codes(user) if first or not codes_left(user) else []


def remove_factor(user: User, factor_id: UUID) -> Factor:
    """Take a factor away; the recovery codes go with the last one. Raises `NotFound`, also for somebody else's."""
    with transaction.atomic():
        factors = list(
            Factor.objects.select_for_update().filter(user=user, confirmed_at__isnull=False).order_by("pk")
        )
        factor = next((factor for factor in factors if factor.pk == factor_id), None)
        if factor is None:
            raise NotFound("mfa.not_found", _("You have no such second factor."))
        audit.record("mfa.disable", factor)
        factor.delete()
        factor.pk = factor_id
        if len(factors) == 1:
            _none_left(user)
    return factor


def remove_all_factors(user: User) -> int:
    """Take every factor away: an operator's answer to a lost phone. Returns how many there were."""
    with transaction.atomic():
        count = Factor.objects.filter(user=user).delete()[0]
        _none_left(user)
        audit.record("mfa.reset", user, detail={"count": count})
    return count


def _none_left(user: User) -> None:
    RecoveryCode.objects.filter(user=user).delete()
    user.second_factor_at = None
    user.save(update_fields=["second_factor_at"])


def make_recovery_codes(user: User) -> list[str]:
    """Make recovery codes in place of the ones before; they are returned here, and never again."""
    codes = ["".join(secrets.choice(_ALPHABET) for _n in range(_CODE_LENGTH)) for _n in range(RECOVERY_CODES)]
    with transaction.atomic():
        RecoveryCode.objects.filter(user=user).delete()
        RecoveryCode.objects.bulk_create([_kept(user, code) for code in codes])
        audit.record("mfa.recovery_codes", user, detail={"count": len(codes)})
    return [f"{code[:4]}-{code[4:8]}-{code[8:]}" for code in codes]


@sensitive_variables("code")
def _text(user: User, code: str) -> str:
    """What is digested: the same code of two people has two digests."""
    return f"recovery\0{user.pk}\0{code}"


@sensitive_variables("code")
def _kept(user: User, code: str) -> RecoveryCode:
    version, digest = pepper.peppered(_text(user, code))
    return RecoveryCode(user=user, digest=digest, pepper_version=version)


@sensitive_variables("code", "text")
def _is(row: RecoveryCode, user: User, code: str) -> bool:
    text, digest = _text(user, code), bytes(row.digest)
    if row.pepper_version is None:  # made before codes had a pepper; good until it is used or replaced
        old = hmac.digest(settings.SECRET_KEY.encode(), text.encode(), "sha256")
        return hmac.compare_digest(old, digest)
    try:
        return pepper.matches(text, row.pepper_version, digest)
    except SealError:  # the key behind its pepper was destroyed, and the code with it
        return False


@sensitive_variables("code")
def _take_recovery_code(user: User, code: str) -> bool:
    """Use a code up; False where it is none of this person's, or was used."""
    unused = RecoveryCode.objects.filter(user=user, used_at__isnull=True)
    found = [row.pk for row in unused if _is(row, user, code)]  # all are looked at, whichever it is
    return bool(unused.filter(pk__in=found).update(used_at=timezone.now()))


@sensitive_variables("code", "typed")
def take_code(user: User, code: str) -> str:
    """Check what was typed as a second step: an app's code, or a recovery code. Returns which it was.

    Either is taken once, also where it comes twice at the same moment. Raises `Unauthenticated`.
    """
    typed = "".join(letter for letter in code.lower() if letter.isalnum())
    app = Factor.objects.filter(user=user, kind=Factor.Kind.TOTP, confirmed_at__isnull=False).first()
    if app is not None and len(typed) == totp.DIGITS and _take_app_code(app, typed):
        return "totp"
    if _take_recovery_code(user, typed):
        audit.record("mfa.recovery_code_used", user, detail={"left": codes_left(user)})
        return "recovery code"
    raise Unauthenticated("auth.wrong", _("This code is wrong, or has been used."))


@sensitive_variables("code", "secret")
def _take_app_code(factor: Factor, code: str) -> bool:
    secret = factor.secret.reveal()
    step = totp.matching_step(secret, code)
    if step is None:
        return False
    taken = Factor.objects.filter(pk=factor.pk, last_step__lt=step).update(
        last_step=step, last_used_at=timezone.now()
    )
    return taken == 1


def take_passkey(request: HttpRequest, answer: str, user: User | None) -> User:
    """Check a passkey's answer and count it. Raises `Invalid`, the same for everything that is wrong."""
    proven: Proven = passkeys.complete_authentication(request, answer, user)
    rows = Factor.objects.filter(pk=proven.factor.pk, sign_count=proven.factor.sign_count)
    if not rows.update(sign_count=proven.sign_count, last_used_at=timezone.now()):
        raise passkeys.refused()
    owner: User = proven.factor.user
    if not owner.is_active:
        raise passkeys.refused()
    return owner
