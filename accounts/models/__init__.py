"""People, accounts, and the audit log."""

from accounts.models.account import Account, AccountKey, Credential, TrustLink
from accounts.models.audit import AuditEvent, Outcome
from accounts.models.user import PlatformRole, User

__all__ = [
    "Account",
    "AccountKey",
    "AuditEvent",
    "Credential",
    "Outcome",
    "PlatformRole",
    "TrustLink",
    "User",
]
