"""Projects, memberships, tokens, operations, and what people are told."""

from projects.models.notification import (
    Notice,
    NoticeDelivery,
    NoticeRecipient,
    NotificationPreference,
    Webhook,
)
from projects.models.operation import TERMINAL, Operation, OperationLog, State
from projects.models.project import Membership, Project, Token

__all__ = [
    "TERMINAL",
    "Membership",
    "Notice",
    "NoticeDelivery",
    "NoticeRecipient",
    "NotificationPreference",
    "Operation",
    "OperationLog",
    "Project",
    "State",
    "Token",
    "Webhook",
]
