"""Hooks that upper floors register to take part in an account's life, inside the same transaction."""

from collections.abc import Callable

from accounts.models import Account

Hook = Callable[[Account], None]
_on_open: list[Hook] = []


def on_account_opened(hook: Hook) -> None:
    """Call `hook(account)` in the scope and transaction that opens an account; registered from an app's `ready()`."""
    if hook not in _on_open:
        _on_open.append(hook)


def account_opened(account: Account) -> None:
    """Run the registered hooks."""
    for hook in _on_open:
        hook(account)
