"""Monthly reviews: the running month's is there once it is gathered; what is signed is a month before."""

from typing import Any

from django.db import connection

from accounts import audit
from accounts.audit import sealing
from accounts.tenancy import scope
from projects.actions import reviews
from projects.models import AuditReview, Project
from projects.reviews.months import Month
from tests.access_matrix.registry import arguments
from tests.cast import Cast
from tests.engines.fixtures import become

API = "/api/v1/platform/audit-reviews/<str:log>"
PAGE = "/audit-room/review/<str:log>/<str:month>/"


def _as_auditor(cast: Cast) -> Any:
    return audit.acting_as(audit.Actor("user", str(cast.audrey.pk), "audrey"), via="api")


@arguments(API)
def log(cast: Cast, project: Project) -> dict[str, Any]:
    return {"log": project.pk}


def gathered(cast: Cast, project: Project) -> dict[str, Any]:
    month = Month.current()
    with _as_auditor(cast):
        reviews.gather(project.pk, month, who="audrey")
    return {"log": project.pk, "month": month}


arguments(f"{API}/<str:month>", PAGE)(gathered)
arguments(f"{API}/<str:month>/marks", body={"keys": ["log:verification"], "verdict": "ok"})(gathered)
arguments(f"{PAGE}marks/", f"{PAGE}sign-off/")(gathered)


def _make_ready(cast: Cast, project: Project) -> Month:
    """A review of the month before in which nothing is open."""
    month = Month.current().before
    with become("owner"), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_account SET created_at = %s", [month.start])
    with scope(project.pk):
        signed = AuditReview.objects.filter(account_id=project.pk, state="signed").exists()
    if not signed:
        with _as_auditor(cast):
            review = reviews.gather(project.pk, month, who="audrey")
            keys = [finding["key"] for finding in review.findings]
            reviews.mark(project.pk, month, keys, "ok", who="audrey")
        with become("system"):
            sealing.seal_all()
    return month


@arguments(f"{API}/<str:month>/sign-off", body={"note": "In order."})
def ready(cast: Cast, project: Project) -> dict[str, Any]:
    return {"log": project.pk, "month": _make_ready(cast, project)}


@arguments(
    "/api/v1/projects/<slug:slug>/audit-reviews/<str:month>",
    "/projects/<slug:slug>/audit/reviews/<str:month>/",
)
def signed(cast: Cast, project: Project) -> dict[str, Any]:
    month = _make_ready(cast, project)
    with scope(project.pk):
        already = AuditReview.objects.filter(account_id=project.pk, state="signed").exists()
    if not already:
        with _as_auditor(cast):
            reviews.sign(project.pk, month, "In order.", who="audrey")
    return {"month": month}


@arguments(
    "/api/v1/platform/accounts/<uuid:pk>/access-report",
    "/api/v1/platform/accounts/<uuid:pk>/access-report/export",
    "/audit-room/reports/<uuid:pk>/",
)
def reported(cast: Cast, project: Project) -> dict[str, Any]:
    return {"pk": project.pk}
