"""People, accounts, and the audit log."""

from accounts.models.account import Account, Credential, TrustLink
from accounts.models.audit import AuditEvent, Outcome
from accounts.models.key import AccountKey, PlatformKey
from accounts.models.user import Language, PlatformRole, Theme, User

__all__ = [
    "Account",
    "AccountKey",
    "AuditEvent",
    "Credential",
    "Language",
    "Outcome",
    "PlatformKey",
    "PlatformRole",
    "Theme",
    "TrustLink",
    "User",
]
