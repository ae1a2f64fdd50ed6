"""Tenancy: the scope, and the base classes of everything that belongs to an account."""

from accounts.tenancy.scope import (
    ScopeError,
    current_account,
    current_scope,
    personal_scope,
    platform_scope,
    require_account,
    scope,
)

__all__ = [
    "ScopeError",
    "current_account",
    "current_scope",
    "personal_scope",
    "platform_scope",
    "require_account",
    "scope",
]
