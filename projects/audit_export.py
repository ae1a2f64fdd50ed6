"""`GET …/audit-log/export`: the account's whole sealed log as a stream, on record before the first byte leaves."""

from collections.abc import AsyncIterator
from typing import Any, ClassVar

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit import Target, export
from accounts.audit.verification import chain_of
from accounts.audit.verify_export import Signed
from accounts.errors import Invalid
from projects.doors import Grant
from projects.doors.asgi import AsgiRequest, ProjectApp

_TYPES = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}


def _format(request: AsgiRequest) -> str:
    """Read `?format=`; raises `Invalid` for anything else."""
    given = dict(request.query)
    wanted = given.pop("format", "jsonl")
    errors = {name: [_("There is no such parameter.")] for name in given}
    if wanted not in _TYPES:
        errors["format"] = [_("`format` is jsonl or csv.")]
    if errors:
        raise Invalid(
            "request.query",
            _("These query parameters are not valid: %(names)s.") % {"names": ", ".join(errors)},
            errors=errors,
        )
    return wanted


class AuditExport(ProjectApp):
    """JSON Lines for the standalone verifier (docs/audit.md), or CSV for a spreadsheet."""

    actions: ClassVar[dict[str, str]] = {"GET": "audit.read"}
    documentation: ClassVar[dict[str, dict[str, Any]]] = {
        "GET": {
            "operationId": "audit_log_export",
            "summary": "Export the sealed log: JSON Lines for the standalone verifier, or CSV",
            "parameters": [
                {"in": "query", "name": "format", "schema": {"type": "string", "enum": ["jsonl", "csv"]}}
            ],
            "responses": {
                "200": {
                    "description": "The log",
                    "content": {
                        "application/x-ndjson": {"schema": {"type": "string"}},
                        "text/csv": {"schema": {"type": "string"}},
                    },
                }
            },
        }
    }

    def admit(self, request: AsgiRequest, grant: Grant, **kwargs: str) -> None:
        audit.record(
            "audit.export",
            Target("auditlog", str(grant.account_id), grant.project_name),
            detail={"format": _format(request)},
        )

    async def handle(self, request: AsgiRequest, grant: Grant, **kwargs: str) -> None:
        wanted = _format(request)
        chain = await self.in_scope(request, grant, chain_of, grant.account_id)
        name = f"audit-{grant.slug}-{timezone.now():%Y%m%d-%H%M%S}.{wanted}"
        headers = {
            "content-type": _TYPES[wanted],
            "content-disposition": f'attachment; filename="{name}"',
            "cache-control": "private, no-store",
        }
        await request.respond(200, headers, self._lines(request, grant, wanted, chain))

    async def _lines(
        self, request: AsgiRequest, grant: Grant, wanted: str, chain: list[Signed]
    ) -> AsyncIterator[bytes]:
        account_id, size = grant.account_id, export.size_of(chain)

        def head() -> bytes:
            return export.csv_head() if wanted == "csv" else b"".join(export.head_lines(account_id, chain))

        def page(start: int) -> bytes:
            lines = export.csv_rows if wanted == "csv" else export.row_lines
            return b"".join(lines(account_id, start, min(start + export.PAGE, size)))

        yield await self.in_scope(request, grant, head)
        for start in range(0, size, export.PAGE):
            yield await self.in_scope(request, grant, page, start)
        if wanted == "jsonl":
            yield export.json_end(size)
