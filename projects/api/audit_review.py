"""The signed reviews of a project's own log, for whoever may read that log."""

from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.audit import Target
from projects.actions.reviews import find_signed, reviews_of
from projects.doors.api import ProjectViewSet
from projects.doors.pagination import PortalCursorPagination
from projects.doors.schema import documented
from projects.doors.strict import PageQuery, QuerySerializer
from projects.models import AuditReview
from projects.reviews.months import Month
from projects.serializers.audit_review import ReviewSerializer


class NewestMonthFirst(PortalCursorPagination):
    """By month."""

    ordering = ("-month", "-id")


class SignedReviewViewSet(ProjectViewSet):
    """The auditors' reviews of this project's log, once signed off."""

    permissions: ClassVar[dict[str, str]] = {"list": "audit.read", "retrieve": "audit.read"}
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery}
    queryset = AuditReview.objects.none()
    serializer_class = ReviewSerializer
    pagination_class = NewestMonthFirst

    @documented(operation_id="audit_reviews_list", summary="Signed monthly reviews, newest first")
    def list(self, request: Request) -> Response:
        rows: Any = reviews_of(self.grant.account_id).filter(state=AuditReview.State.SIGNED)
        return self.listed(rows, ReviewSerializer)

    @documented(operation_id="audit_review_read", summary="A signed monthly review")
    def retrieve(self, request: Request, month: str) -> Response:
        review = find_signed(self.grant.account_id, Month.parse(month))
        audit.record("review.read", Target("auditreview", str(review.pk), review.label))
        return Response(ReviewSerializer(review).data)
