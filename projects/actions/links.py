"""Links between a trusted account, which lends, and a general account, which borrows.

    invited ──claim──▶ requested ──approve──▶ active ──its end──▶ expired
       │     request ──▶ │  └──reject──▶ rejected │
       └────revoke───────┴─────────revoke─────────┴──▶ revoked

The lender writes the terms. Whatever one side does is recorded in that side's log with the person, and in the same
transaction in the other side's log with the account alone: parties to a link see each other's names, not each other's
people. A trigger of the table holds the transitions and who may make which.
"""

import hashlib
import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.actions.links import tell
from accounts.audit import Actor, Target
from accounts.errors import Conflict, Forbidden, Invalid, NotFound
from accounts.ids import uuid7
from accounts.links import Offered, Terms, parse_terms
from accounts.models import Account, Credential, TrustLink
from accounts.tenancy import scope
from projects import approvals
from projects.doors.grant import Grant
from projects.models import ApprovalRequest
from projects.permissions import Permission

State = TrustLink.State
APPROVAL = "link"
INVITATION_PREFIX = "mll_"
LENDING_PREFIX = "mlb_"
NOTE_LENGTH = 500


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()


def find_link(pk: UUID) -> TrustLink:
    """Return a link that the account in scope is a party to; raises `NotFound`."""
    link: TrustLink | None = TrustLink.objects.filter(pk=pk).first()
    if link is None:
        raise NotFound("link.not_found", _("This account has no such link."))
    return link


def _own_account(grant: Grant, kind: str, message: str) -> Account:
    account: Account = Account.objects.get(pk=grant.account_id)
    if account.kind != kind:
        raise Conflict("link.kind", message)
    return account


def _lender(grant: Grant) -> Account:
    return _own_account(
        grant, Account.Kind.TRUSTED, _("Only a trusted account lends. This is a general account.")
    )


def _borrower(grant: Grant) -> Account:
    return _own_account(
        grant, Account.Kind.GENERAL, _("Only a general account borrows. This is a trusted account.")
    )


def terms_of(given: dict[str, Any]) -> Terms:
    """Return checked terms of the lender in scope: `credentials` are ids of its own. Raises `Invalid`."""
    ids = {str(pk) for pk in given.get("credentials", [])}
    rows = Credential.objects.filter(pk__in=ids).order_by("name").values_list("pk", "name", "kind")
    offered = [Offered(id=str(pk), name=name, kind=kind) for pk, name, kind in rows]
    if len(offered) != len(ids):
        message = _("Only credentials of this account can be offered.")
        raise Invalid("link.credentials", message, errors={"credentials": [message]})
    return parse_terms({**given, "credentials": offered})


def invite(
    grant: Grant, given: dict[str, Any] | None = None, lifetime: timedelta = timedelta(days=7)
) -> tuple[TrustLink, str]:
    """Offer what this trusted account lends; the second value, the code that claims the offer, is shown once.

    Raises `Conflict` for a general account: it has nothing to lend; `Invalid` for terms that are not valid.
    """
    account, terms = _lender(grant), terms_of(given or {})
    code = INVITATION_PREFIX + secrets.token_urlsafe(24)
    link = TrustLink(
        lender=account,
        lender_label=account.name,
        invitation_digest=_digest(code),
        terms=terms.model_dump(mode="json"),
        expires_at=timezone.now() + lifetime,
    )
    link.save(force_insert=True)
    assert link.expires_at is not None
    audit.record("link.invite", link, detail={"expires_at": link.expires_at.isoformat(), "terms": link.terms})
    return link, code


def unknown_code() -> NotFound:
    """One answer for a code that never was, was used, or has expired."""
    message = _("This code is unknown, used or expired. Ask the lending account for another one.")
    return NotFound("link.code", message, errors={"code": [message]})


def _asked(by: Grant, statement: str, parameters: list[Any], action: str) -> UUID:
    """Call a function of the database that makes a request for the account in scope; record it on both sides."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            row = cursor.fetchone()
    except IntegrityError:
        raise Conflict(
            "link.exists", _("Your account is linked to this lender already, or has asked to be.")
        ) from None
    if row is None:
        raise unknown_code()
    lender_id, link_id = row
    TrustLink.objects.filter(pk=link_id).update(asked_by_id=by.user_id)
    link = find_link(link_id)
    audit.record(action, link)
    tell(link_id, action)
    context = audit.current_context()
    actor = Actor("account", str(link.borrower_id), link.borrower_label)

    def announced() -> None:
        with audit.acting_as(actor, via=context.via if context else "task"):
            announce(lender_id, link_id)

    transaction.on_commit(announced)
    found: UUID = link_id
    return found


def announce(lender_id: UUID, link_id: UUID) -> bool:
    """Put a request into the lender's inbox, in the lender's scope; returns whether it was not there yet.

    The request itself stands on both sides' record by then. A sweep does this where the process ended too early.
    """
    with scope(lender_id):
        link = TrustLink.objects.select_for_update().filter(pk=link_id, state=State.REQUESTED).first()
        if link is None or ApprovalRequest.objects.filter(kind=APPROVAL, target_id=str(link_id)).exists():
            return False
        wanted = link.request_note or str(link.terms.get("note", ""))
        approvals.ask_from_outside(APPROVAL, link, link.borrower_label, wanted)
        return True


def claim(grant: Grant, code: str) -> UUID:
    """Ask, for this general account, for what an invitation offers; returns the link's id.

    Raises `NotFound` for a code that is unknown, used up or expired, `Conflict` for a trusted account, and where the
    two accounts are linked already.
    """
    account = _borrower(grant)
    parameters = [_digest(code.strip()), account.name]
    return _asked(grant, "SELECT * FROM link_claim(%s, %s)", parameters, "link.claim")


def open_requests(grant: Grant) -> str:
    """Let others ask this trusted account for a link; returns the code they need, which replaces the one before."""
    account = _lender(grant)
    code = LENDING_PREFIX + secrets.token_urlsafe(24)
    Account.objects.filter(pk=account.pk).update(lending_digest=_digest(code))
    audit.record("link.open_requests", account)
    return code


def close_requests(grant: Grant) -> None:
    """Take no more requests: the code stops working."""
    account = _lender(grant)
    Account.objects.filter(pk=account.pk).update(lending_digest=None)
    audit.record("link.close_requests", account)


def request(grant: Grant, code: str, note: str = "") -> UUID:
    """Ask a trusted account for a link by its code for requests; returns the link's id. Raises as `claim` does."""
    account = _borrower(grant)
    note = " ".join(note.split())[:NOTE_LENGTH]
    return _asked(
        grant,
        "SELECT * FROM link_request(%s, %s, %s, %s)",
        [_digest(code.strip()), uuid7(), account.name, note],
        "link.request",
    )


def ask(grant: Grant, code: str, note: str = "") -> UUID:
    """Ask by whichever code this is: an invitation's, or a trusted account's code for requests."""
    if code.strip().startswith(LENDING_PREFIX):
        return request(grant, code, note)
    return claim(grant, code)


def _as_lender(grant: Grant, link: TrustLink) -> None:
    if link.lender_id != grant.account_id:
        raise Forbidden("link.lender", _("The lending account decides on a link, not the borrowing one."))


def asked_here(grant: Grant, link: TrustLink) -> bool:
    """Whether this person asked for the link themselves, in the borrowing account."""
    return link.asked_by_id is not None and link.asked_by_id == grant.user_id


def approve(
    grant: Grant, link: TrustLink, given: dict[str, Any] | None = None, reason: str = ""
) -> TrustLink:
    """Let a borrower in, under the terms of the offer or under these. Only the lender may, and of its people somebody
    else than who asked: `reason` says why where nobody else could decide (as with all approvals).

    Raises `Forbidden`, `Invalid` for terms that are not valid or a missing reason, `Conflict` unless somebody asked.
    """
    _as_lender(grant, link)
    reason, own = " ".join(reason.split())[:NOTE_LENGTH], asked_here(grant, link)
    if own:
        approvals.check_own(Permission.LINK_MANAGE, grant, reason, "reason")
    if link.borrower_id is None:
        raise Conflict(
            "link.state", _("Nobody has asked for this yet: give the code to the borrowing account.")
        )
    terms = parse_terms(link.terms) if given is None else terms_of(given)
    ends_at = timezone.now() + timedelta(days=terms.days)
    _move(
        link,
        State.REQUESTED,
        State.ACTIVE,
        terms=terms.model_dump(mode="json"),
        namespace=terms.namespace_of(_borrowers_name(link.borrower_id)),
        ends_at=ends_at,
    )
    detail = {"namespace": link.namespace, "ends_at": ends_at.isoformat(), "terms": link.terms}
    ours = {"self_approved": "yes", "reason": reason} if own else {}
    audit.record("link.approve", link, detail=detail | ours)
    tell(link.pk, "link.approve", detail=detail)
    approvals.settle(link, ApprovalRequest.State.APPROVED, grant, note=reason, own=own)
    return link


def _borrowers_name(borrower: UUID) -> str:
    """What stands for the borrower in a namespace: its id's tail, since a lender is not told its project's name."""
    return f"b-{borrower.hex[-12:]}"


def reject(grant: Grant, link: TrustLink, reason: str = "") -> TrustLink:
    """Refuse a request. Only the lender may; the reason is on record on both sides."""
    _as_lender(grant, link)
    detail = {"reason": " ".join(reason.split())[:NOTE_LENGTH]}
    _move(link, State.REQUESTED, State.REJECTED)
    audit.record("link.reject", link, detail=detail)
    tell(link.pk, "link.reject", detail=detail)
    approvals.settle(link, ApprovalRequest.State.REJECTED, grant)
    return link


def revoke(grant: Grant, link: TrustLink, reason: str = "") -> TrustLink:
    """End a link, or take an offer back; either party may. Raises `Conflict` for one that has ended."""
    before = link.state
    if before in (State.REJECTED, State.REVOKED, State.EXPIRED):
        raise Conflict("link.ended", _("This link has ended already."))
    _move(link, before, State.REVOKED)
    detail = {"from": before, "reason": " ".join(reason.split())[:NOTE_LENGTH]}
    audit.record("link.revoke", link, detail=detail)
    if link.borrower_id is not None:
        tell(link.pk, "link.revoke", detail=detail)
    if link.lender_id == grant.account_id:
        approvals.settle(link, ApprovalRequest.State.REJECTED, grant)
    return link


def expire(link: TrustLink) -> bool:
    """End a link whose time is over, in the lender's scope; both sides have it on record. For the sweep.

    Nothing waits for this: whatever is taken through a link looks at its end first.
    """
    if link.state != State.ACTIVE or link.ends_at is None or link.ends_at > timezone.now():
        return False
    _move(link, State.ACTIVE, State.EXPIRED)
    audit.record("link.expire", Target.of(link))
    tell(link.pk, "link.expire")
    return True


def _move(link: TrustLink, before: str, after: str, **values: Any) -> None:
    """One guarded transition: whoever comes second finds the state changed."""
    now = timezone.now()
    rows = TrustLink.objects.filter(pk=link.pk, state=before)
    try:
        with transaction.atomic():
            moved = rows.update(state=after, invitation_digest=None, changed_at=now, **values)
    except IntegrityError:
        raise Conflict(
            "link.parties", _("The lending account is not active: nothing can be lent now.")
        ) from None
    if not moved:
        raise Conflict(
            "link.state",
            _("This link is not %(state)s. Reload, and look again.") % {"state": State(before).label},
        )
    link.state, link.changed_at, link.invitation_digest = State(after), now, None
    for name, value in values.items():
        setattr(link, name, value)


def request_approved(request: ApprovalRequest, grant: Grant) -> None:
    """What approving the request of a borrower does: the terms are those of the offer."""
    approve(grant, find_link(UUID(request.target_id)), reason=request.note)


def request_rejected(request: ApprovalRequest, grant: Grant) -> None:
    """What rejecting it does; the borrower may have changed their mind meanwhile."""
    link = find_link(UUID(request.target_id))
    if link.state == State.REQUESTED:
        reject(grant, link)


def request_asker(request: ApprovalRequest) -> UUID | None:
    """Who asked for the borrower."""
    asked_by: UUID | None = (
        TrustLink.objects.filter(pk=request.target_id).values_list("asked_by_id", flat=True).first()
    )
    return asked_by


def request_evidence(request: ApprovalRequest) -> list[tuple[str, str]]:
    """Who asks, for what."""
    link: TrustLink | None = TrustLink.objects.filter(pk=request.target_id).first()
    if link is None:
        return []
    offered = ", ".join(one.get("name", "") for one in link.terms.get("credentials", []))
    return [
        (_("Borrower"), link.borrower_label),
        (_("What is asked for"), link.request_note or "—"),
        (_("Terms"), str(link.terms.get("note", "")) or "—"),
        (_("Leases of"), offered or "—"),
        (_("Link"), str(link.get_state_display())),
    ]
