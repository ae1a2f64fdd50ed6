"""Trying a credential out: an operation, so that only workers call what tenants name."""

import time
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from accounts import audit
from accounts.actions.credentials import find_credential
from accounts.audit import Target
from accounts.credentials import how_to_test, read_secret
from accounts.errors import Conflict, NotFound, PortalError
from accounts.models import Credential, CredentialTest
from projects import operations
from projects.doors.grant import Grant
from projects.models import Operation, State
from projects.operations.registry import Done, Failed
from projects.operations.work import Work
from projects.permissions import Permission

KIND = "credential.test"


def submit_test(grant: Grant, credential: Credential, *, idempotency_key: str = "") -> Operation:
    """Ask for a test of the new secret that waits, or else of the one in use.

    One that is asked for already and has not ended is returned instead of a second one.
    """
    version = credential.candidate_number or credential.number
    payload = {"credential": str(credential.pk), "version": version}
    under_way: Operation | None = Operation.objects.filter(
        kind=KIND, target_id=str(credential.pk), state__in=[State.QUEUED, State.RUNNING], payload=payload
    ).first()
    if under_way is not None:
        return under_way
    return operations.submit(
        KIND,
        target=credential,
        payload=payload,
        grant=grant,
        permission=Permission.CREDENTIAL_MANAGE,
        idempotency_key=idempotency_key,
        request=payload,
    )


def retry_test(operation: Operation, grant: Grant) -> Operation:
    """Test again what the credential holds now. Raises `NotFound` where it is gone."""
    return submit_test(grant, find_credential(UUID(operation.payload["credential"])))


def _opened(credential: Credential, version: int) -> bytes:
    """The sealed value of a version that is still the candidate or in use."""
    if version == credential.candidate_number and credential.candidate is not None:
        value: bytes = credential.candidate.reveal()
    elif version == credential.number:
        value = credential.secret.reveal()
    else:
        raise Conflict("credential.number", _("This version of the secret is gone meanwhile."))
    return value


def advance(work: Work) -> Done:
    """Open the secret, try it through the guarded connector outside every transaction, keep what came of it."""
    version = int(work.payload["version"])
    work.stage(noop("Testing the connection"))
    try:
        with work.scope():
            credential = find_credential(UUID(work.payload["credential"]))
            opened = _opened(credential, version)
    except (NotFound, Conflict) as error:
        raise Failed(str(error)) from None
    started, failure, sentence = time.monotonic(), "", ""
    try:
        sentence = how_to_test(credential.kind)(read_secret(credential.kind, opened)).sentence
    except PortalError as error:
        failure, sentence = error.code, str(error)
    except Exception as error:  # a driver's own text may hold the secret: its type says enough
        failure, sentence = (
            "credential.test_broke",
            _("The test broke off: %(what)s.") % {"what": type(error).__name__},
        )
    with work.scope():
        work.heartbeat()
        outcome = CredentialTest.Outcome.FAILED if failure else CredentialTest.Outcome.OK
        made = CredentialTest(
            credential=credential,
            version=version,
            outcome=outcome,
            code=failure[:64],
            sentence=sentence[:500],
            seconds=round(time.monotonic() - started, 3),
            by_label=work.operation.who[:160],
        )
        made.save(force_insert=True)
        audit.record(
            "credential.tested",
            Target.of(credential),
            outcome="failed" if failure else "ok",
            detail={"version": version, "code": failure},
        )
    if failure:
        raise Failed(sentence)
    return Done({"version": version, "finding": sentence})
