"""Hooks that upper floors register to take part in an account's life."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from accounts.models import Account

Hook = Callable[[Account], None]
# Destroys what lies outside the database; called outside every scope, again until it has succeeded. Returns what was
# destroyed, as figures for the proof. Raises `Unavailable` where the place is away.
Dispose = Callable[[UUID], dict[str, Any]]
_on_open: list[Hook] = []
_on_suspend: list[Hook] = []
_on_reopen: list[Hook] = []
_disposals: dict[str, Dispose] = {}
# Whether something still runs for the account in scope.
Busy = Callable[[], bool]
_busy: list[Busy] = []


def on_account_opened(hook: Hook) -> None:
    """Call `hook(account)` in the scope and transaction that opens an account; registered from an app's `ready()`."""
    if hook not in _on_open:
        _on_open.append(hook)


def on_account_suspended(hook: Hook) -> None:
    """Call `hook(account)` in the scope and transaction that suspends an account: stop what runs for it."""
    if hook not in _on_suspend:
        _on_suspend.append(hook)


def on_account_reopened(hook: Hook) -> None:
    """Call `hook(account)` in the scope and transaction that reopens an account: start what suspending stopped."""
    if hook not in _on_reopen:
        _on_reopen.append(hook)


def register_disposal(what: str, dispose: Dispose) -> None:
    """Take part in closing accounts: `what` names a part of the proof."""
    _disposals[what] = dispose


def register_busy(check: Busy) -> None:
    """Have closing wait while `check()`, called in the account's scope, says that something still runs."""
    if check not in _busy:
        _busy.append(check)


def still_busy() -> bool:
    """Whether something still runs for the account in scope."""
    return any(check() for check in _busy)


def account_opened(account: Account) -> None:
    """Run the registered hooks."""
    for hook in _on_open:
        hook(account)


def account_suspended(account: Account) -> None:
    """Run the registered hooks."""
    for hook in _on_suspend:
        hook(account)


def account_reopened(account: Account) -> None:
    """Run the registered hooks."""
    for hook in _on_reopen:
        hook(account)


def disposals() -> dict[str, Dispose]:
    """Return what is to be destroyed outside the database, by the proof's names."""
    return dict(_disposals)
