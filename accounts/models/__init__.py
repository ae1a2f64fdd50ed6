"""People, accounts, and the audit log."""

from accounts.models.account import Account
from accounts.models.audit import AuditEvent, Outcome
from accounts.models.audit_seal import (
    AuditCheckpoint,
    AuditDisposal,
    AuditGlobal,
    AuditHead,
    AuditKey,
    AuditVerification,
)
from accounts.models.credential import Credential, CredentialTest
from accounts.models.disposal import Disposal
from accounts.models.factor import Factor, RecoveryCode
from accounts.models.identity import ExternalIdentity
from accounts.models.key import AccountKey, KeyDestruction, KeyRotation, KeyState, PlatformKey
from accounts.models.link import TrustLink
from accounts.models.session import KnownDevice, Session, Throttle
from accounts.models.user import Language, PlatformRole, Theme, User

__all__ = [
    "Account",
    "AccountKey",
    "AuditCheckpoint",
    "AuditDisposal",
    "AuditEvent",
    "AuditGlobal",
    "AuditHead",
    "AuditKey",
    "AuditVerification",
    "Credential",
    "CredentialTest",
    "Disposal",
    "ExternalIdentity",
    "Factor",
    "KeyDestruction",
    "KeyRotation",
    "KeyState",
    "KnownDevice",
    "Language",
    "Outcome",
    "PlatformKey",
    "PlatformRole",
    "RecoveryCode",
    "Session",
    "Theme",
    "Throttle",
    "TrustLink",
    "User",
]
