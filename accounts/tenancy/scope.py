"""The tenancy scope: which account's rows this code may see, in Python and in PostgreSQL at once.

Opening a scope starts a transaction and sets `portal.account` (or `portal.user`, `portal.reader`) for exactly that
transaction. Row level security reads those settings; `TenantQuerySet` reads the context variable. With nothing open,
Python refuses the query and PostgreSQL returns no rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

ACCOUNT = "account"
PERSONAL = "personal"
PLATFORM = "platform"


class ScopeError(RuntimeError):
    """A programming error: tenant data was touched outside the scope that allows it."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is open: one account, one person's own rows, or a platform reader's view."""

    kind: str
    account_id: UUID | None = None
    user_id: UUID | None = None
    reader: str = ""

    def settings(self) -> dict[str, str]:
        """The PostgreSQL settings that row level security compares with; an empty text means nothing."""
        return {
            "portal.account": str(self.account_id or ""),
            "portal.user": str(self.user_id or ""),
            "portal.reader": self.reader,
        }


_open: ContextVar[Scope | None] = ContextVar("portal_scope", default=None)


def current_scope() -> Scope | None:
    """Return the open scope, or None."""
    return _open.get()


def current_account() -> UUID | None:
    """Return the account of the open scope, or None where no account's scope is open."""
    opened = _open.get()
    return opened.account_id if opened else None


def require_account() -> UUID:
    """Return the account of the open scope; raise `ScopeError` where there is none."""
    account_id = current_account()
    if account_id is None:
        raise ScopeError("No account's scope is open: wrap this in accounts.tenancy.scope(account_id).")
    return account_id


def _apply(settings: dict[str, str]) -> None:
    calls = ", ".join("set_config(%s, %s, true)" for _ in settings)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {calls}", [part for pair in settings.items() for part in pair])


@contextmanager
def _opened(new: Scope) -> Iterator[Scope]:
    before = _open.get()
    if before == new:
        with transaction.atomic():
            yield new
        return
    if before is not None:
        raise ScopeError("Another scope is open: close it first. One transaction serves one tenant.")
    nested = connection.in_atomic_block
    with transaction.atomic():
        _apply(new.settings())
        token = _open.set(new)
        try:
            yield new
        finally:
            _open.reset(token)
        # set_config(…, true) survives the release of a savepoint; an aborted one has undone it already.
        if nested:
            _apply(dict.fromkeys(new.settings(), ""))


@contextmanager
def scope(account_id: UUID) -> Iterator[UUID]:
    """Open one account's scope in a transaction; re-entering the same account nests, another account is refused."""
    with _opened(Scope(ACCOUNT, account_id=account_id)):
        yield account_id


@contextmanager
def personal_scope(user_id: UUID) -> Iterator[UUID]:
    """Open a person's own rows (memberships and the projects they lead to) in a transaction; reads only."""
    with _opened(Scope(PERSONAL, user_id=user_id)):
        yield user_id


@contextmanager
def platform_scope(reader: str) -> Iterator[str]:
    """Open what a platform `reader` ("admin" or "auditor") may read across accounts: never tenants' data."""
    with _opened(Scope(PLATFORM, reader=reader)):
        yield reader
