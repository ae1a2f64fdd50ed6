"""Leases: a short-lived credential derived, for one use, from one that another account lends.

    with scope(borrower)     the link lasts, its terms offer this; on record on both sides         commit
    with scope(lender)       the link still lasts; the lender's secret is opened                    commit
    no scope                 the kind's broker asks the other system for a session                  minutes

Rules. A lease is taken per use and is never stored, shown, logged or put into a job's payload: it prints as nothing
and is not pickled. The lender's secret does not leave `take`. Nothing is cached, so that a revocation, an end and a
suspension take effect with the next lease; one that is out ends by itself within its minutes. What cannot be recorded
on both sides is not leased. Which kinds can be lent at all is which kinds have a broker.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.actions.links import tell
from accounts.credentials.kinds import Secret, read_secret
from accounts.errors import Conflict, Forbidden, NotFound, PortalError, Unprocessable
from accounts.links import Terms, parse_terms
from accounts.models import Account, Credential, TrustLink
from accounts.tenancy import ScopeError, current_scope, scope

SHORTEST = timedelta(minutes=15)  # what STS allows at least
LONGEST = timedelta(hours=1)
PURPOSE_LENGTH = 120


class Lease:
    """A session that ends by itself. `value` is for the code that asked, in this process, now."""

    __slots__ = ("expires_at", "kind", "value")

    def __init__(self, kind: str, value: Any, expires_at: datetime) -> None:
        self.kind = kind
        self.value = value
        self.expires_at = expires_at

    def __repr__(self) -> str:
        return f"<Lease {self.kind}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A lease is not pickled: take one where it is used.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a broker narrows the session to: the terms, the borrower's namespace, how long, and a name for its log."""

    terms: Terms
    namespace: str
    lifetime: timedelta
    session: str


# Derives a session from a lender's secret. Raises a `PortalError` whose text holds nothing of either.
Broker = Callable[[Any, Wanted], tuple[Any, datetime]]
_brokers: dict[str, Broker] = {}


def register_broker(kind: str, broker: Broker) -> None:
    """Say how sessions of a kind are derived; called from an app's `ready()`."""
    _brokers[kind] = broker


def take(
    borrower: UUID, link_id: UUID, credential_id: UUID, purpose: str, lifetime: timedelta = SHORTEST
) -> Lease:
    """Take a lease of a lent credential for a purpose, in transactions of its own: call it with no scope open.

    Raises `NotFound` where the borrower has no such link, `Forbidden` where the link does not last or its terms do
    not offer this, `Unprocessable` for a kind that cannot be lent and for what the other system refuses.
    """
    if current_scope() is not None:
        raise ScopeError("A lease is taken in transactions of its own: close the scope first.")
    lifetime = min(max(lifetime, SHORTEST), LONGEST)
    detail = {"credential": str(credential_id), "purpose": purpose[:PURPOSE_LENGTH]}
    with scope(borrower):
        link = _lasting(link_id, credential_id)
        audit.record("lease.take", link, detail=detail)
        tell(link_id, "lease.take", detail=detail)
    try:
        kind, secret = _opened(link.lender_id, link_id, credential_id)
        broker = _brokers.get(kind)
        if broker is None:
            raise Unprocessable("lease.kind", _("Credentials of this kind cannot be lent."))
        wanted = Wanted(parse_terms(link.terms), link.namespace, lifetime, f"portal-{link_id.hex[-12:]}")
        value, expires_at = broker(secret, wanted)
    except PortalError as error:
        with scope(borrower):
            failed = {**detail, "error": error.code}
            audit.record("lease.take", link, outcome="failed", detail=failed)
            tell(link_id, "lease.take", outcome="failed", detail=failed)
        raise
    return Lease(kind, value, expires_at)


def _lasting(link_id: UUID, credential_id: UUID) -> TrustLink:
    """The link, locked until the record has committed: whoever revokes it comes before or after, not between."""
    account_id = current_scope()
    assert account_id is not None
    link: TrustLink | None = TrustLink.objects.select_for_update(no_key=True).filter(pk=link_id).first()
    if link is None or account_id.account_id not in (link.borrower_id, link.lender_id):
        raise NotFound("link.not_found", _("This account has no such link."))
    if account_id.account_id == link.lender_id:
        raise Conflict("lease.own", _("This account lends here: it uses its own credential."))
    state = Account.objects.values_list("state", flat=True).get(pk=account_id.account_id)
    if not link.lasts or state != Account.State.ACTIVE:
        raise Forbidden(
            "lease.ended", _("The link has ended or is not active: nothing is lent through it now.")
        )
    if not parse_terms(link.terms).offers(credential_id):
        raise Forbidden("lease.not_offered", _("The terms of the link do not offer this credential."))
    return link


def _opened(lender: UUID, link_id: UUID, credential_id: UUID) -> tuple[str, Secret]:
    """Open the lender's credential in the lender's scope, where the link still lasts and the lender is active."""
    with scope(lender):
        link: TrustLink | None = TrustLink.objects.select_for_update(no_key=True).filter(pk=link_id).first()
        account = Account.objects.get(pk=lender)
        if link is None or not link.lasts or account.state != Account.State.ACTIVE:
            raise Forbidden(
                "lease.ended", _("The link has ended or is not active: nothing is lent through it now.")
            )
        credential: Credential | None = Credential.objects.filter(pk=credential_id).first()
        if credential is None:
            raise Forbidden("lease.not_offered", _("The terms of the link do not offer this credential."))
        Credential.objects.filter(pk=credential.pk).update(last_used_at=timezone.now())
        return credential.kind, read_secret(credential.kind, credential.secret.reveal())
