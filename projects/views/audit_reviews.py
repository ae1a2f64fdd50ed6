"""The auditors' signed reviews of a project's own log, for whoever may read that log."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts import audit
from accounts.audit import Target
from projects.actions.reviews import find_signed, reviews_of
from projects.doors.grant import Grant
from projects.doors.pages import ProjectView
from projects.models import AuditReview
from projects.reviews.months import Month
from projects.views.common import page_of
from projects.views.review_parts import search_at, sections_of


class SignedReviewsPage(ProjectView):
    """Which months auditors have signed off, and one of them in full."""

    actions: ClassVar[dict[str, str]] = {"get": "audit.read"}

    def get(self, request: HttpRequest, grant: Grant, month: str = "") -> HttpResponse:
        if month:
            return self._one(request, grant, Month.parse(month))
        signed: Any = reviews_of(grant.account_id).filter(state=AuditReview.State.SIGNED)
        context = page_of(request, signed, ordering=("-month", "-id"))
        context["api_url"] = f"/api/v1/projects/{grant.slug}/audit-reviews"
        return self.page(request, "projects/audit_reviews.html", context)

    def _one(self, request: HttpRequest, grant: Grant, month: Month) -> HttpResponse:
        review = find_signed(grant.account_id, month)
        audit.record("review.read", Target("auditreview", str(review.pk), review.label))
        context = {
            "review": review,
            "sections": sections_of(review, search_at(reverse("project:audit", args=[grant.slug]))),
            "api_url": f"/api/v1/projects/{grant.slug}/audit-reviews/{review.label}",
        }
        return self.page(request, "projects/audit_review.html", context)
