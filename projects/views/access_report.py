"""Who could reach what in this project, from its log."""

from typing import ClassVar

from django.http import HttpRequest, HttpResponse

from projects.doors.grant import Grant
from projects.doors.pages import ProjectView
from projects.views.report_parts import report_context


class AccessReportPage(ProjectView):
    """Both ends of a period, and every change between."""

    actions: ClassVar[dict[str, str]] = {"get": "audit.read"}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        api = f"/api/v1/projects/{grant.slug}/access-report"
        return self.page(
            request, "projects/access_report.html", report_context(request, grant.account_id, api)
        )
