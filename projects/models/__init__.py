"""Projects, who may do what in them, tokens, operations, requests, and what people are told."""

from projects.models.access import ApprovalRequest, BreakGlass, CustomRole, PermissionGrant
from projects.models.notification import (
    Notice,
    NoticeDelivery,
    NoticeRecipient,
    NotificationPreference,
    Webhook,
)
from projects.models.operation import TERMINAL, Operation, OperationLog, State
from projects.models.project import Membership, Project
from projects.models.token import PlatformToken, Token

__all__ = [
    "TERMINAL",
    "ApprovalRequest",
    "BreakGlass",
    "CustomRole",
    "Membership",
    "Notice",
    "NoticeDelivery",
    "NoticeRecipient",
    "NotificationPreference",
    "Operation",
    "OperationLog",
    "PermissionGrant",
    "PlatformToken",
    "Project",
    "State",
    "Token",
    "Webhook",
]
