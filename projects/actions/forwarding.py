"""Where the audit log is forwarded to: set up, tried, paused, resumed, removed; by a project, and by the platform."""

from typing import Any, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import audit
from accounts.crypto.certificates import check_certificates
from accounts.errors import Conflict, Forbidden, Invalid, NotFound
from accounts.outbound import check_host, check_url
from projects.doors.grant import Grant
from projects.forwarding.receivers import host_and_port
from projects.forwarding.targets import sealed_size
from projects.models import AuditForward, ForwardTarget, PlatformForward

Kind, State, Every, Begin = ForwardTarget.Kind, ForwardTarget.State, ForwardTarget.Every, ForwardTarget.Begin
F = TypeVar("F", AuditForward, PlatformForward)

MOST_TARGETS = 20
MOST_ADDRESSES = 5
SHORTEST_SECRET = 16


def _wrong(field: str, message: str) -> Invalid:
    return Invalid(f"audit_forward.{field}", message, errors={field: [message]})


def _check_mail(address: str) -> str:
    found = [part.strip() for part in address.split(",") if part.strip()]
    try:
        for part in found:
            validate_email(part)
    except ValidationError:
        found = []
    if not 1 <= len(found) <= MOST_ADDRESSES:
        raise _wrong(
            "address",
            _("Give one to %(most)d mail addresses with commas between them.") % {"most": MOST_ADDRESSES},
        )
    return ", ".join(found)


def _check_address(kind: str, address: str) -> str:
    """Return the address as it is kept. Raises `Invalid`, and `Unprocessable` for what the portal does not call."""
    if kind == Kind.MAIL:
        return _check_mail(address)
    if kind == Kind.WEBHOOK:
        check_url(address)
        return address
    try:
        host, port = host_and_port(address)
    except ValueError:
        raise _wrong(
            "address", _("The address must be a host and a port, such as logs.example.com:6514.")
        ) from None
    check_host(host, port, in_clear=kind == Kind.SYSLOG_TCP)
    return address


@sensitive_variables("secret")
def _prepared(row: F, *, secret: str, authority: str, events: bool) -> F:
    """Check what was asked for and complete the row. Raises `Invalid`, `Unprocessable`."""
    row.name = " ".join(row.name.split())  # it stands in the subject of a mail, which takes no line break
    if not row.name:
        raise _wrong("name", _("A target needs a name."))
    row.address = _check_address(row.kind, row.address.strip())
    if row.kind == Kind.WEBHOOK and len(secret) < SHORTEST_SECRET:
        raise _wrong(
            "secret",
            _("What is posted is signed: give a secret of at least %(least)d characters.")
            % {"least": SHORTEST_SECRET},
        )
    if row.kind != Kind.WEBHOOK and secret:
        raise _wrong("secret", _("Only a webhook has a secret."))
    if authority:
        if row.kind not in (Kind.WEBHOOK, Kind.SYSLOG_TLS):
            raise _wrong("authority", _("A certificate authority is for connections with TLS."))
        try:
            row.authority = check_certificates(authority.strip())
        except ValueError:
            raise _wrong("authority", _("This holds no certificate in PEM.")) from None
    row.events = events and row.kind != Kind.MAIL
    if not row.events and row.receipts == Every.NEVER:
        raise _wrong("receipts", _("Choose how often receipts are sent: nothing else goes to this target."))
    if row.receipts != Every.NEVER:
        row.receipt_at = timezone.now()
    if secret:
        row.secret = secret.encode()
    return row


def _saved(row: F) -> F:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        message = _("There is a target “%(name)s” already.") % {"name": row.name}
        raise Conflict("audit_forward.exists", message, errors={"name": [message]}) from None
    return row


def _described(row: ForwardTarget) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "address": row.address,
        "events": row.events,
        "receipts": row.receipts,
        "begin": row.begin,
    }


@sensitive_variables("secret")
def add_forward(
    grant: Grant,
    *,
    name: str,
    kind: str,
    address: str,
    secret: str = "",
    authority: str = "",
    events: bool = True,
    receipts: str = Every.NEVER,
    begin: str = Begin.NOW,
) -> AuditForward:
    """Have this account's audit log forwarded. Whoever does that could read it: `audit.read` is needed as well.

    Raises `Forbidden`, `Invalid`, `Conflict` for a name in use, `Unprocessable` for an address that is not called.
    """
    grant.require("audit.read")
    if grant.break_glass_id is not None:
        raise Forbidden(
            "audit_forward.break_glass",
            _("A target would go on after you have left: an owner of the project has to add it."),
            permission="webhook.manage",
        )
    if AuditForward.objects.count() >= MOST_TARGETS:
        raise Conflict(
            "audit_forward.many", _("A project has at most %(most)d targets.") % {"most": MOST_TARGETS}
        )
    row = AuditForward(
        name=name,
        kind=kind,
        address=address,
        receipts=receipts,
        begin=begin,
        created_by_label=grant.actor.person[:160],
        next_index=0 if begin == Begin.BEGINNING else sealed_size(grant.account_id),
    )
    _saved(_prepared(row, secret=secret, authority=authority, events=events))
    audit.record("audit.forward.add", row, detail=_described(row))
    return row


@sensitive_variables("secret")
def add_platform_forward(
    by: str,
    *,
    name: str,
    kind: str,
    address: str,
    secret: str = "",
    authority: str = "",
    events: bool = True,
    receipts: str = Every.NEVER,
    begin: str = Begin.NOW,
    every_log: bool = False,
) -> PlatformForward:
    """Have the platform's log forwarded, or every log. Raises as `add_forward` does."""
    with transaction.atomic():
        if PlatformForward.objects.count() >= MOST_TARGETS:
            raise Conflict(
                "audit_forward.many", _("The platform has at most %(most)d targets.") % {"most": MOST_TARGETS}
            )
        row = PlatformForward(
            name=name,
            kind=kind,
            address=address,
            receipts=receipts,
            begin=begin,
            every_log=every_log,
            created_by_label=by[:160],
        )
        _saved(_prepared(row, secret=secret, authority=authority, events=events))
        audit.record("audit.forward.add", row, detail={**_described(row), "every_log": every_log})
    return row


def find_forward(pk: UUID) -> AuditForward:
    """Return a target of the account in scope; raises `NotFound`."""
    row: AuditForward | None = AuditForward.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound("audit_forward.not_found", _("There is no such target."))
    return row


def find_platform_forward(pk: UUID) -> PlatformForward:
    """Return a target of the platform; raises `NotFound`."""
    row = PlatformForward.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound("audit_forward.not_found", _("There is no such target."))
    return row


def _changed(row: F, **values: Any) -> F:
    type(row)._default_manager.filter(pk=row.pk).update(**values)
    for name, value in values.items():
        setattr(row, name, value)
    return row


def pause(row: F) -> F:
    """Stop delivering; what comes meanwhile waits in the log."""
    with transaction.atomic():
        audit.record("audit.forward.pause", row)
        return _changed(row, state=State.PAUSED)


def resume(row: F) -> F:
    """Go on where the target stood, at once: also with one that fails and would be tried later."""
    with transaction.atomic():
        audit.record("audit.forward.resume", row)
        return _changed(row, state=State.ACTIVE, next_at=timezone.now())


def try_out(row: F) -> F:
    """Have a worker send what cannot be mistaken for an event; the row says how that went."""
    with transaction.atomic():
        audit.record("audit.forward.test", row)
        return _changed(row, test_asked_at=timezone.now(), tested_at=None, test_problem="")


def remove(row: ForwardTarget) -> None:
    """Forget a target and where it stood."""
    with transaction.atomic():
        audit.record("audit.forward.remove", row, detail=_described(row))
        row.delete()
