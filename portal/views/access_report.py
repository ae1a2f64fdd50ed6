"""The audit room's reports: choose an account, then who could reach what in it, from its log."""

from typing import ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from portal.audit_reviews import no_such_log
from projects.doors.pages import PlatformView
from projects.models import Project
from projects.views.common import page_of
from projects.views.report_parts import report_context


class ReportsPage(PlatformView):
    """Every account, each with its report."""

    reader: ClassVar[str] = "auditor"

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = Project.objects.select_related("account")
        context = page_of(request, rows, ordering=("name", "account_id"))
        return self.page(request, "portal/access_reports.html", context)


class ReportPage(PlatformView):
    """One account's report."""

    reader: ClassVar[str] = "auditor"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        project = Project.objects.select_related("account").filter(pk=pk).first()
        if project is None:
            raise no_such_log()
        api = f"/api/v1/platform/accounts/{pk}/access-report"
        context = {**report_context(request, pk, api), "account": project.account, "project": project}
        return self.page(request, "portal/access_report.html", context)
