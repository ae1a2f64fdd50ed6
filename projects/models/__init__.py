"""Projects, memberships, tokens and operations."""

from projects.models.operation import TERMINAL, Operation, OperationLog, State
from projects.models.project import Membership, Project, Token

__all__ = ["TERMINAL", "Membership", "Operation", "OperationLog", "Project", "State", "Token"]
