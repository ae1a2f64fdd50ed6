"""The report of who could reach what in this project, from its log."""

from collections.abc import Iterable
from datetime import date
from typing import Any, ClassVar

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from projects.access_report.files import as_csv, as_json
from projects.access_report.report import Report, make_report, record_report
from projects.doors.api import ProjectViewSet
from projects.doors.schema import documented
from projects.doors.strict import QuerySerializer
from projects.serializers.access_report import ReportFileQuery, ReportQuery, ReportSerializer

FILES = {
    (200, "application/json"): ReportSerializer,
    (200, "text/csv"): OpenApiTypes.STR,
}
_TYPES = {"json": "application/json", "csv": "text/csv; charset=utf-8"}


def period_in(query: dict[str, Any]) -> tuple[date | None, date | None]:
    """Return the days that a query asks for."""
    return query.get("from"), query.get("to")


def file_of(report: Report, name: str, format: str) -> HttpResponse:
    """Answer with a report as a file to be saved; taking it away is on record as an export."""
    record_report(report, format)
    body = as_csv(report) if format == "csv" else as_json(ReportSerializer(report).data)
    filename = f"access-{name}-{report.first}-{report.last}.{format}"
    headers = {"Content-Disposition": f'attachment; filename="{filename}"', "Cache-Control": "no-store"}
    return HttpResponse(body, content_type=_TYPES[format], headers=headers)


class OneRenderer(DefaultContentNegotiation):
    """`format` is a parameter here like any other: the framework would look for a renderer of that name."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Take the first, whatever is asked for."""
        first = next(iter(renderers))
        return first, str(first.media_type)


class AccessReportViewSet(ProjectViewSet):
    """Who could reach what at the start and at the end of a period, and every change between."""

    permissions: ClassVar[dict[str, str]] = {"retrieve": "audit.read", "export": "audit.read"}
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {
        "retrieve": ReportQuery,
        "export": ReportFileQuery,
    }
    serializer_class = ReportSerializer
    content_negotiation_class = OneRenderer

    @documented(
        operation_id="access_report", summary="Who could reach what, and what changed between two days"
    )
    def retrieve(self, request: Request) -> Response:
        report = make_report(self.grant.account_id, *period_in(self.query))
        record_report(report)
        return Response(ReportSerializer(report).data)

    @documented(
        operation_id="access_report_export", summary="The same as a file: JSON, or CSV", responses=FILES
    )
    def export(self, request: Request) -> HttpResponseBase:
        report = make_report(self.grant.account_id, *period_in(self.query))
        return file_of(report, self.grant.slug, self.query["format"])
