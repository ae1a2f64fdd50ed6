"""People, accounts, and the audit log."""

from accounts.models.account import Account, AccountKey, Credential, TrustLink
from accounts.models.audit import AuditEvent, Outcome
from accounts.models.user import Language, PlatformRole, Theme, User

__all__ = [
    "Account",
    "AccountKey",
    "AuditEvent",
    "Credential",
    "Language",
    "Outcome",
    "PlatformRole",
    "Theme",
    "TrustLink",
    "User",
]
