"""This floor's plain ASGI routes: regular expression of the path, and the application behind it."""

from projects.audit_export import AuditExport
from projects.audit_tail import AuditTail
from projects.doors.asgi import ProjectApp
from projects.streams import OperationEvents, OperationWait

_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_OPERATION = rf"^/api/v1/projects/(?P<slug>[^/]+)/operations/(?P<operation_id>{_UUID})"

routes: list[tuple[str, type[ProjectApp]]] = [
    (rf"{_OPERATION}$", OperationWait),
    (rf"{_OPERATION}/events$", OperationEvents),
    (r"^/api/v1/projects/(?P<slug>[^/]+)/audit-log/export$", AuditExport),
    (r"^/api/v1/projects/(?P<slug>[^/]+)/audit-log/events$", AuditTail),
]
