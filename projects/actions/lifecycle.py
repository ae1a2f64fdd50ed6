"""Suspending, reopening and closing an account. A platform admin does this, from outside the account.

    active ──suspend──▶ suspended ──close──▶ closing ──disposal──▶ closed
       ▲───────reopen──────┘

Suspended, nothing enters: sessions, tokens, jobs and endpoints stop at once, and what runs is asked to end. Closing is
for good: see `projects.disposal`.
"""

from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.actions.credentials import given_reason
from accounts.audit import Actor
from accounts.errors import Conflict, Invalid, NotFound
from accounts.models import Account
from accounts.tenancy import scope
from projects import operations
from projects.doors.grant import Grant
from projects.lifecycle import account_reopened, account_suspended
from projects.models import Operation, Project

State = Account.State
CLOSE = "account.close"


def _move(account_id: UUID, before: str, after: str) -> Account:
    """One guarded transition, in the account's scope. Raises `NotFound`, `Conflict`."""
    rows = Account.objects.filter(pk=account_id)
    try:
        with transaction.atomic():
            moved = rows.filter(state=before).update(state=after)
    except IntegrityError:
        raise Conflict(
            "account.lends", _("This account lends to others: its links must be revoked first.")
        ) from None
    account: Account | None = rows.first()
    if account is None:
        raise NotFound("account.not_found", _("There is no such account."))
    if not moved:
        raise Conflict(
            "account.state",
            _("“%(name)s” is %(state)s: this needs it to be %(before)s.")
            % {
                "name": account.name,
                "state": account.get_state_display(),
                "before": State(before).label,
            },
        )
    return account


def suspend(account_id: UUID, reason: str) -> Account:
    """Close an account's doors at once, for as long as it takes; what runs for it is asked to end."""
    reason = given_reason(reason)
    with scope(account_id):
        account = _move(account_id, State.ACTIVE, State.SUSPENDED)
        audit.record("account.suspend", account, detail={"reason": reason})
        account_suspended(account)
    return account


def reopen(account_id: UUID, reason: str) -> Account:
    """Open a suspended account's doors again; endpoints that were to run are started."""
    reason = given_reason(reason)
    with scope(account_id):
        account = _move(account_id, State.SUSPENDED, State.ACTIVE)
        audit.record("account.reopen", account, detail={"reason": reason})
        account_reopened(account)
    return account


def close(account_id: UUID, *, confirm: str, reason: str, actor: Actor, user_id: UUID, via: str) -> Operation:
    """Begin an account's disposal, which cannot be undone: everything in it and its keys are destroyed.

    `confirm` is the project's slug, typed by whoever asks. Raises `Invalid`, and `Conflict` for an account that is not
    suspended or that lends to others.
    """
    reason = given_reason(reason)
    with scope(account_id):
        project: Project | None = Project.objects.filter(pk=account_id).first()
        if project is None:
            raise NotFound("account.not_found", _("There is no such account."))
        if confirm.strip() != project.slug:
            message = _("Type the project's name, %(slug)s, to confirm.") % {"slug": project.slug}
            raise Invalid("account.confirm", message, errors={"confirm": [message]})
        account = _move(account_id, State.SUSPENDED, State.CLOSING)
        audit.record("account.close", account, detail={"reason": reason})
        grant = Grant(actor, user_id, account_id, project.slug, project.name, "", frozenset(), via)
        return operations.submit(
            CLOSE,
            target=account,
            payload={"reason": reason, "slug": project.slug},
            grant=grant,
            permission="platform.admin",
        )
