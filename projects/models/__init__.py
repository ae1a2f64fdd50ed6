"""Projects, who may do what in them, tokens, operations, requests, and what people are told."""

from projects.models.access import ApprovalRequest, BreakGlass, CustomRole, PermissionGrant
from projects.models.forwarding import AuditForward, ForwardTarget, PlatformForward, PlatformForwardCursor
from projects.models.notification import (
    Notice,
    NoticeDelivery,
    NoticeRecipient,
    NotificationPreference,
    Webhook,
)
from projects.models.operation import TERMINAL, Operation, OperationLog, State
from projects.models.project import Membership, Project
from projects.models.review import AuditReview
from projects.models.robot import Robot, RobotState
from projects.models.search import RoomSearch, SavedSearch, Search
from projects.models.token import PlatformToken, Token

__all__ = [
    "TERMINAL",
    "ApprovalRequest",
    "AuditForward",
    "AuditReview",
    "BreakGlass",
    "CustomRole",
    "ForwardTarget",
    "Membership",
    "Notice",
    "NoticeDelivery",
    "NoticeRecipient",
    "NotificationPreference",
    "Operation",
    "OperationLog",
    "PermissionGrant",
    "PlatformForward",
    "PlatformForwardCursor",
    "PlatformToken",
    "Project",
    "Robot",
    "RobotState",
    "RoomSearch",
    "SavedSearch",
    "Search",
    "State",
    "Token",
    "Webhook",
]
