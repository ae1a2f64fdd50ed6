"""The report of who could reach what in an account, for auditors."""

from typing import ClassVar
from uuid import UUID

from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.platform import found_project
from projects.access_report.report import make_report, record_report
from projects.api.access_report import FILES, OneRenderer, file_of, period_in
from projects.doors.api import PlatformViewSet
from projects.doors.schema import documented
from projects.doors.strict import QuerySerializer
from projects.serializers.access_report import ReportFileQuery, ReportQuery, ReportSerializer


class PlatformAccessReportViewSet(PlatformViewSet):
    """Who could reach what in an account at the start and at the end of a period, and every change between."""

    roles: ClassVar[dict[str, tuple[str, ...]]] = {"retrieve": ("auditor",), "export": ("auditor",)}
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {
        "retrieve": ReportQuery,
        "export": ReportFileQuery,
    }
    serializer_class = ReportSerializer
    content_negotiation_class = OneRenderer

    @documented(
        operation_id="platform_access_report",
        summary="Who could reach what in an account, and what changed between two days",
    )
    def retrieve(self, request: Request, pk: UUID) -> Response:
        found_project(pk)
        report = make_report(pk, *period_in(self.query))
        record_report(report)
        return Response(ReportSerializer(report).data)

    @documented(
        operation_id="platform_access_report_export",
        summary="The same as a file: JSON, or CSV",
        responses=FILES,
    )
    def export(self, request: Request, pk: UUID) -> HttpResponseBase:
        project = found_project(pk)
        return file_of(make_report(pk, *period_in(self.query)), project.slug, self.query["format"])
