"""Where audit logs are forwarded to: set up, changed, tried, paused, resumed, removed; by projects and the platform."""

from typing import Any, TypeVar
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import audit
from accounts.errors import Conflict, Forbidden, NotFound
from projects.doors.grant import Grant
from projects.forwarding.checks import check_address, check_authority, check_name, check_secret, wrong
from projects.forwarding.targets import sealed_size
from projects.models import AuditForward, ForwardTarget, PlatformForward

Kind, State, Every, Begin = ForwardTarget.Kind, ForwardTarget.State, ForwardTarget.Every, ForwardTarget.Begin
F = TypeVar("F", AuditForward, PlatformForward)

MOST_TARGETS = 20


@sensitive_variables("secret")
def _prepared(row: F, *, secret: str, authority: str, events: bool) -> F:
    """Check what was asked for and complete the row. Raises `Invalid`, `Unprocessable`."""
    row.name, row.language = check_name(row.name), get_language() or "en"
    row.address = check_address(row.kind, row.address.strip())
    check_secret(row.kind, secret)
    row.authority = check_authority(row.kind, authority)
    row.events = events and row.kind != Kind.MAIL
    if not row.events and row.receipts == Every.NEVER:
        raise wrong("receipts", _("Choose how often receipts are sent: nothing else goes to this target."))
    if row.receipts != Every.NEVER:
        row.receipt_at = timezone.now()
    if secret:
        row.secret = secret.encode()
    return row


def _saved(row: F, update_fields: list[str] | None = None) -> F:
    try:
        with transaction.atomic():
            row.save(force_insert=update_fields is None, update_fields=update_fields)
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


def _may_send(grant: Grant) -> None:
    """Raise `Forbidden` for who may not say where the log goes."""
    grant.require("audit.read")
    if grant.break_glass_id is not None:
        raise Forbidden(
            "audit_forward.break_glass",
            _("A target would go on after you have left: an owner of the project has to add it."),
            permission="webhook.manage",
        )


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
    _may_send(grant)
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


@sensitive_variables("secret")
def change_forward(
    grant: Grant,
    row: AuditForward,
    *,
    name: str | None = None,
    address: str | None = None,
    secret: str = "",
    authority: str | None = None,
    state: str = "",
) -> AuditForward:
    """Change, pause or resume a target of the account; what is not given stays, and so does how far it has the log.
    Whoever says where the log goes could read it: `audit.read` is needed as well.

    Raises `Forbidden`, `Invalid`, `Conflict` for a name in use, `Unprocessable` for an address that is not called.
    """
    _may_send(grant)
    with transaction.atomic():
        changed = _change(row, name=name, address=address, secret=secret, authority=authority)
        return _in_state(changed, state)


@sensitive_variables("secret")
def change_platform_forward(
    row: PlatformForward,
    *,
    name: str | None = None,
    address: str | None = None,
    secret: str = "",
    authority: str | None = None,
    state: str = "",
) -> PlatformForward:
    """Change, pause or resume a target of the platform. Raises as `change_forward` does, but `Forbidden`."""
    with transaction.atomic():
        changed = _change(row, name=name, address=address, secret=secret, authority=authority)
        return _in_state(changed, state)


@sensitive_variables("secret")
def _change(row: F, *, name: str | None, address: str | None, secret: str, authority: str | None) -> F:
    """Write what differs, and record it. A batch that is on its way to where the target led before no longer counts:
    its lease is over, so that the cursor stays and the batch is sent again, to where the target leads now.
    """
    with transaction.atomic():
        rows = type(row)._default_manager.select_for_update(of=("self",))
        found = rows.filter(pk=row.pk).first()
        if found is None:
            raise NotFound("audit_forward.not_found", _("There is no such target."))
        row = found
        wanted = {
            "name": row.name if name is None else check_name(name),
            "address": row.address if address is None else check_address(row.kind, address.strip()),
            "authority": row.authority if authority is None else check_authority(row.kind, authority),
        }
        changed: dict[str, Any] = {
            field: value for field, value in wanted.items() if value != getattr(row, field)
        }
        detail: dict[str, Any] = {
            field: {"from": getattr(row, field), "to": value}
            for field, value in changed.items()
            if field != "authority"
        }
        if "authority" in changed:
            detail["authority"] = "replaced" if changed["authority"] else "removed"
        for field, value in changed.items():
            setattr(row, field, value)
        if secret:
            check_secret(row.kind, secret)
            row.secret = secret.encode()
            changed["secret"] = detail["secret"] = "replaced"  # noqa: S105  # says that, never what
        if not changed:
            return row
        if changed.keys() - {"name"}:
            row.lease, row.lease_until, row.next_at = row.lease + 1, None, timezone.now()
            changed |= dict.fromkeys(("lease", "lease_until", "next_at"), "")
        _saved(row, sorted(changed))
        audit.record("audit.forward.change", row, detail=detail)
    return row


def _in_state(row: F, state: str) -> F:
    if not state or state == row.state:
        return row
    return pause(row) if state == State.PAUSED else resume(row)


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
