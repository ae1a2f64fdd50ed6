"""People, accounts, and the audit log."""

from accounts.models.account import Account, Credential, TrustLink
from accounts.models.audit import AuditEvent, Outcome
from accounts.models.key import AccountKey, PlatformKey
from accounts.models.session import KnownDevice, Session, Throttle
from accounts.models.user import Language, PlatformRole, Theme, User

__all__ = [
    "Account",
    "AccountKey",
    "AuditEvent",
    "Credential",
    "KnownDevice",
    "Language",
    "Outcome",
    "PlatformKey",
    "PlatformRole",
    "Session",
    "Theme",
    "Throttle",
    "TrustLink",
    "User",
]
