"""Links between a trusted account, which lends, and a general account, which borrows.

    invited ──claim──▶ requested ──approve──▶ active
       └───────────revoke────────────┴──revoke──┘──▶ revoked

The link's row lives in the lender's scope until a borrower has claimed it; from then on both see it. Whatever one
side does is recorded in that side's log with the person, and in the other side's log with the account alone: parties
to a link see each other's names, not each other's people.
"""

import hashlib
import secrets
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit import Actor, Target
from accounts.errors import Conflict, Forbidden, NotFound
from accounts.models import Account, TrustLink
from accounts.tenancy import scope
from projects import approvals
from projects.doors.grant import Grant
from projects.lookups import link_of_invitation
from projects.models import ApprovalRequest

State = TrustLink.State
APPROVAL = "link"
CODE_PREFIX = "mll_"


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()


def _own_account(grant: Grant, kind: str, message: str) -> Account:
    account: Account = Account.objects.get(pk=grant.account_id)
    if account.kind != kind:
        raise Conflict("link.kind", message)
    return account


def _acting_as_account(account: Account) -> AbstractContextManager[audit.Context]:
    context = audit.current_context()
    return audit.acting_as(
        Actor("account", str(account.pk), account.name), via=context.via if context else "task"
    )


def _tell(other: UUID, action: str, link: Target, by: Account) -> None:
    """Record in the other party's log, once this side has committed, that this account has acted."""

    def write() -> None:
        with _acting_as_account(by), scope(other):
            audit.record(action, link)

    transaction.on_commit(write)


def invite(grant: Grant, note: str = "", lifetime: timedelta = timedelta(days=7)) -> tuple[TrustLink, str]:
    """Offer what this trusted account lends; the second value, the code that claims the offer, is shown once.

    Raises `Conflict` for a general account: it has nothing to lend.
    """
    account = _own_account(
        grant, Account.Kind.TRUSTED, _("Only a trusted account lends. This is a general account.")
    )
    code = CODE_PREFIX + secrets.token_urlsafe(24)
    link = TrustLink(
        lender=account,
        lender_label=account.name,
        invitation_digest=_digest(code),
        terms={"note": note} if note else {},
        expires_at=timezone.now() + lifetime,
    )
    link.save(force_insert=True)
    assert link.expires_at is not None
    audit.record("link.invite", link, detail={"expires_at": link.expires_at.isoformat()})
    return link, code


def claim(grant: Grant, code: str) -> UUID:
    """Ask, for this general account, for what a code offers; returns the link's id.

    The asking is recorded and committed here first; the link itself changes in the lender's scope right after, in a
    transaction of its own. Raises `NotFound` for a code that is unknown, used up or expired, `Conflict` for a trusted
    account, and where the two accounts are linked already.
    """
    account = _own_account(
        grant, Account.Kind.GENERAL, _("Only a general account borrows. This is a trusted account.")
    )
    found = link_of_invitation(_digest(code.strip()))
    if found is None:
        raise unknown_code()
    lender_id, link_id = found
    audit.record("link.claim", Target("trustlink", str(link_id), account.name))
    moment = timezone.now()
    transaction.on_commit(lambda: _take(lender_id, link_id, account, moment))
    return link_id


def unknown_code() -> NotFound:
    """One answer for a code that never was, was used, or has expired."""
    message = _("This code is unknown, used or expired. Ask the lending account for another one.")
    return NotFound("link.code", message, errors={"code": [message]})


def _take(lender_id: UUID, link_id: UUID, borrower: Account, moment: datetime) -> None:
    with _acting_as_account(borrower), scope(lender_id):
        offered = TrustLink.objects.filter(pk=link_id, state=State.INVITED, expires_at__gt=moment)
        try:
            with transaction.atomic():
                taken = offered.update(
                    state=State.REQUESTED,
                    borrower_id=borrower.pk,
                    borrower_label=borrower.name,
                    invitation_digest=None,
                    changed_at=timezone.now(),
                )
        except IntegrityError:
            raise Conflict(
                "link.exists", _("Your account is linked to this lender already, or has asked to be.")
            ) from None
        if not taken:
            raise unknown_code()
        link = TrustLink.objects.get(pk=link_id)
        audit.record("link.claim", link)
        approvals.ask_from_outside(APPROVAL, link, borrower.name, str(link.terms.get("note", "")))


def approve(grant: Grant, link: TrustLink) -> TrustLink:
    """Let a borrower in. Only the lender may; raises `Forbidden`, or `Conflict` unless somebody has asked."""
    if link.lender_id != grant.account_id:
        raise Forbidden("link.lender", _("The lending account approves a link, not the borrowing one."))
    _move(link, State.REQUESTED, State.ACTIVE)
    audit.record("link.approve", link)
    approvals.settle(link, ApprovalRequest.State.APPROVED, grant)
    assert link.borrower_id is not None
    _tell(link.borrower_id, "link.approve", Target.of(link), _party(link, grant))
    return link


def revoke(grant: Grant, link: TrustLink) -> TrustLink:
    """End a link, or take an offer back; either party may. Raises `Conflict` for one that has ended."""
    before = link.state
    if before == State.REVOKED:
        raise Conflict("link.revoked", _("This link is revoked already."))
    _move(link, before, State.REVOKED)
    audit.record("link.revoke", link, detail={"from": before})
    if link.lender_id == grant.account_id:
        approvals.settle(link, ApprovalRequest.State.REJECTED, grant)
    other = link.borrower_id if link.lender_id == grant.account_id else link.lender_id
    if other is not None:
        _tell(other, "link.revoke", Target.of(link), _party(link, grant))
    return link


def _party(link: TrustLink, grant: Grant) -> Account:
    own = link.lender_label if link.lender_id == grant.account_id else link.borrower_label
    return Account(pk=grant.account_id, name=own)


def _move(link: TrustLink, before: str, after: str) -> None:
    """One guarded transition: whoever comes second finds the state changed."""
    now = timezone.now()
    rows = TrustLink.objects.filter(pk=link.pk, state=before)
    if not rows.update(state=after, invitation_digest=None, changed_at=now):
        raise Conflict(
            "link.state",
            _("This link is not %(state)s. Reload, and look again.") % {"state": State(before).label},
        )
    link.state, link.changed_at, link.invitation_digest = State(after), now, None


def request_approved(request: ApprovalRequest, grant: Grant) -> None:
    """What approving the request of a borrower does."""
    approve(grant, TrustLink.objects.get(pk=request.target_id))


def request_rejected(request: ApprovalRequest, grant: Grant) -> None:
    """What rejecting it does: the offer is gone, the borrower may be offered another."""
    link = TrustLink.objects.get(pk=request.target_id)
    if link.state != State.REVOKED:  # the borrower may have changed their mind
        revoke(grant, link)


def request_evidence(request: ApprovalRequest) -> list[tuple[str, str]]:
    """Who asks, for what."""
    link: TrustLink | None = TrustLink.objects.filter(pk=request.target_id).first()
    if link is None:
        return []
    return [
        (_("Borrower"), link.borrower_label),
        (_("Terms"), str(link.terms.get("note", "")) or "—"),
        (_("Link"), str(link.get_state_display())),
    ]
