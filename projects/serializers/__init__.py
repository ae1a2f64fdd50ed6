"""What the API of this floor reads and writes."""

from projects.serializers.audit import (
    AuditEventSerializer,
    AuditQuery,
    HistorySerializer,
    PeriodQuery,
    PlatformAuditEventSerializer,
    PlatformAuditQuery,
    PlatformPeriodQuery,
)
from projects.serializers.operation import OperationLogSerializer, OperationQuery, OperationSerializer
from projects.serializers.project import (
    MemberBody,
    MemberSerializer,
    MeSerializer,
    MyProjectSerializer,
    ProjectBody,
    ProjectSerializer,
    RoleBody,
    RoleTableSerializer,
)
from projects.serializers.token import (
    PlatformTokenBody,
    PlatformTokenMadeSerializer,
    PlatformTokenQuery,
    PlatformTokenSerializer,
    TokenBody,
    TokenMadeSerializer,
    TokenQuery,
    TokenSerializer,
)

__all__ = [
    "AuditEventSerializer",
    "AuditQuery",
    "HistorySerializer",
    "MeSerializer",
    "MemberBody",
    "MemberSerializer",
    "MyProjectSerializer",
    "OperationLogSerializer",
    "OperationQuery",
    "OperationSerializer",
    "PeriodQuery",
    "PlatformAuditEventSerializer",
    "PlatformAuditQuery",
    "PlatformPeriodQuery",
    "PlatformTokenBody",
    "PlatformTokenMadeSerializer",
    "PlatformTokenQuery",
    "PlatformTokenSerializer",
    "ProjectBody",
    "ProjectSerializer",
    "RoleBody",
    "RoleTableSerializer",
    "TokenBody",
    "TokenMadeSerializer",
    "TokenQuery",
    "TokenSerializer",
]
