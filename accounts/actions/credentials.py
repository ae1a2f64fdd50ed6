"""Keeping an account's credentials. Their secrets come in here, and leave only through actions that say so.

bring ──▶ used (version 1) ◀──────────────── roll back ─────────────────┐
rotate ─▶ candidate ── test ok ─▶ switch ─▶ used (version 2) · previous ┤
              └──── discard                                             └─ grace is over: destroyed
"""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import audit
from accounts.credentials.dependants import dependants_of
from accounts.credentials.expiry import expires_at
from accounts.credentials.kinds import Secret, parse_secret, read_secret
from accounts.errors import Conflict, Invalid, NotFound
from accounts.models import Credential, CredentialTest

GRACE = timedelta(days=1)
LONGEST_GRACE = timedelta(days=30)
REASON_LENGTH = 500


def find_credential(pk: UUID, *, lock: bool = False) -> Credential:
    """Return a credential of the account in scope; raises `NotFound`."""
    rows = Credential.objects.select_for_update() if lock else Credential.objects.get_queryset()
    credential: Credential | None = rows.filter(pk=pk).first()
    if credential is None:
        raise NotFound("credential.not_found", _("There is no such credential in this account."))
    return credential


def given_reason(reason: str) -> str:
    """Return a reason worth keeping. Raises `Invalid` where there is none."""
    reason = " ".join(reason.split())
    if not 3 <= len(reason) <= REASON_LENGTH:
        message = _("Say why, in 3 to %(limit)d characters: it is kept in the audit log.") % {
            "limit": REASON_LENGTH
        }
        raise Invalid("reason.missing", message, errors={"reason": [message]})
    return reason


@sensitive_variables("secret", "sealed")
def create_credential(name: str, kind: str, secret: Any, *, by: str) -> Credential:
    """Seal a secret under the protection key of the account in scope. `by` names who brought it.

    Raises `Invalid` for an empty name or a secret that is not of its kind, `Conflict` for a name in use.
    """
    name = name.strip()
    if not name:
        message = _("A credential needs a name.")
        raise Invalid("credential.name", message, errors={"name": [message]})
    if Credential.objects.filter(name=name).exists():
        raise Conflict("credential.exists", _("There is a credential “%(name)s” already.") % {"name": name})
    sealed = parse_secret(kind, secret)
    credential = Credential(name=name, kind=kind, created_by_label=by[:120])
    credential.secret, credential.expires_at = sealed, expires_at(kind, sealed)
    credential.save(force_insert=True)
    audit.record("credential.create", credential, detail={"kind": kind})
    return credential


@sensitive_variables("secret")
def rotate(credential: Credential, secret: Any, *, by: str) -> Credential:
    """First step of a rotation: seal another secret beside the one in use, which stays in use until `switch`.

    A candidate that waits already is replaced. Raises `Invalid`.
    """
    credential = find_credential(credential.pk, lock=True)
    credential.candidate = parse_secret(credential.kind, secret)
    credential.latest_number += 1
    credential.candidate_number, credential.candidate_by_label = credential.latest_number, by[:120]
    credential.save()
    audit.record("credential.rotate", credential, detail={"version": credential.candidate_number})
    return credential


def last_test(credential: Credential, version: int) -> CredentialTest | None:
    """Return the newest test of one version of a credential."""
    rows = CredentialTest.objects.filter(credential=credential, version=version)
    found: CredentialTest | None = rows.order_by("-id").first()
    return found


@sensitive_variables("revealed")
def switch(credential: Credential, *, grace: timedelta = GRACE, untested_reason: str = "") -> Credential:
    """Second step: use the candidate from now on. What was used before is kept sealed for `grace`, to go back to.

    Raises `Conflict` where there is no candidate, or where its last test did not succeed and no reason says why it is
    used all the same; `Invalid` for a grace period out of bounds.
    """
    if not timedelta(0) <= grace <= LONGEST_GRACE:
        message = _("The grace period is from nothing to %(days)d days.") % {"days": LONGEST_GRACE.days}
        raise Invalid("credential.grace", message, errors={"grace_hours": [message]})
    credential = find_credential(credential.pk, lock=True)
    if credential.candidate is None or credential.candidate_number is None:
        raise Conflict("credential.no_candidate", _("There is no new secret to switch to: bring one first."))
    tested = last_test(credential, credential.candidate_number)
    detail: dict[str, Any] = {"from": credential.number, "to": credential.candidate_number}
    if tested is None or tested.outcome != CredentialTest.Outcome.OK:
        if not untested_reason:
            raise Conflict(
                "credential.untested",
                _("The new secret has not passed its test. Test it, or say why it is used all the same."),
            )
        detail["untested"] = given_reason(untested_reason)
    revealed = credential.candidate.reveal()
    if grace:
        credential.previous = credential.secret.reveal()
        credential.previous_number = credential.number
        credential.previous_until = timezone.now() + grace
    else:
        _clear_previous(credential)
    credential.secret, credential.number = revealed, credential.candidate_number
    credential.expires_at = expires_at(credential.kind, revealed)
    _clear_candidate(credential)
    credential.save()
    audit.record("credential.switch", credential, detail=detail)
    return credential


def discard(credential: Credential) -> Credential:
    """Give a rotation up: the candidate is destroyed. Raises `Conflict` where there is none."""
    credential = find_credential(credential.pk, lock=True)
    if credential.candidate_number is None:
        raise Conflict("credential.no_candidate", _("There is no new secret that waits."))
    version = credential.candidate_number
    _clear_candidate(credential)
    credential.save()
    audit.record("credential.discard", credential, detail={"version": version})
    return credential


@sensitive_variables("back", "ahead")
def roll_back(credential: Credential) -> Credential:
    """Use what was used before again; the newer one is kept as the previous one until the grace period ends.

    Raises `Conflict` where the grace period is over.
    """
    credential = find_credential(credential.pk, lock=True)
    if credential.previous is None or credential.previous_until is None:
        raise Conflict("credential.no_previous", _("What was used before is destroyed: bring it again."))
    if credential.previous_until <= timezone.now():
        raise Conflict("credential.no_previous", _("The grace period of what was used before is over."))
    ahead, newer = credential.secret.reveal(), credential.number
    back = credential.previous.reveal()
    assert credential.previous_number is not None
    credential.secret, credential.number = back, credential.previous_number
    credential.previous, credential.previous_number = ahead, newer
    credential.expires_at = expires_at(credential.kind, back)
    credential.save()
    audit.record("credential.rollback", credential, detail={"from": newer, "to": credential.number})
    return credential


def destroy_previous(credential: Credential) -> bool:
    """Destroy what was used before, once its grace period is over. Returns whether there was something to destroy."""
    credential = find_credential(credential.pk, lock=True)
    if credential.previous_until is None or credential.previous_until > timezone.now():
        return False
    version = credential.previous_number
    _clear_previous(credential)
    credential.save()
    audit.record("credential.destroy", credential, detail={"version": version})
    return True


def delete_credential(credential: Credential) -> None:
    """Forget a credential; what was sealed is gone with its row. Raises `Conflict` while something relies on it."""
    found = dependants_of(credential)
    if found:
        raise Conflict(
            "credential.in_use",
            _("“%(name)s” is used by %(users)s. Change these first.")
            % {"name": credential.name, "users": ", ".join(one.label for one in found[:5])},
        )
    audit.record("credential.delete", credential, detail={"kind": credential.kind})
    credential.delete()


def use(credential: Credential, purpose: str) -> Secret:
    """Open a credential for the portal's own use, on record. Raises `Unprocessable` for one of an older form.

    What is returned prints as nothing; it is not kept, not logged and not handed to a tenant.
    """
    Credential.objects.filter(pk=credential.pk).update(last_used_at=timezone.now())
    audit.record("credential.use", credential, detail={"purpose": purpose, "version": credential.number})
    return read_secret(credential.kind, credential.secret.reveal())


@sensitive_variables("parts")
def reveal(credential: Credential, reason: str) -> dict[str, Any]:
    """Return what is sealed, for a person who has just proved who they are; the record commits before the answer.

    Only for an account's own credentials: a borrowed one is no row of the borrower's. Raises `Invalid` without a
    reason.
    """
    audit.record(
        "credential.reveal",
        credential,
        detail={"reason": given_reason(reason), "version": credential.number},
    )
    parts: dict[str, Any] = json.loads(credential.secret.reveal())
    return parts


def _clear_candidate(credential: Credential) -> None:
    credential.candidate = None
    credential.candidate_number, credential.candidate_by_label = None, ""


def _clear_previous(credential: Credential) -> None:
    credential.previous = None
    credential.previous_number, credential.previous_until = None, None
