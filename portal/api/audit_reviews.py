"""Monthly reviews over REST, for auditors: every log's months, one review, what is said of findings, the sign-off."""

from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.audit import Target
from accounts.models import Account
from accounts.recent import require_recent
from portal.audit_reviews import account_of, log_named, logs_of
from projects.actions import reviews
from projects.doors.api import PlatformViewSet
from projects.doors.pagination import PortalCursorPagination
from projects.doors.schema import documented
from projects.doors.strict import PageQuery, QuerySerializer
from projects.models import AuditReview
from projects.reviews.matrix import MONTHS, matrix
from projects.reviews.months import Month
from projects.serializers.audit_review import LogReviewsSerializer, MarkBody, ReviewSerializer, SignBody


class ByName(PortalCursorPagination):
    """Accounts as the page lists them."""

    ordering = ("name", "id")


class AuditReviewViewSet(PlatformViewSet):
    """The auditors' monthly reviews."""

    roles: ClassVar[dict[str, tuple[str, ...]]] = {
        "list": ("auditor",),
        "log": ("auditor",),
        "retrieve": ("auditor",),
        "gather": ("auditor",),
        "mark": ("auditor",),
        "sign": ("auditor",),
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery}
    queryset = AuditReview.objects.none()
    serializer_class = ReviewSerializer
    pagination_class = ByName

    @documented(
        operation_id="platform_audit_reviews_list",
        summary="Which months of which accounts are reviewed, open or overdue (not the platform's own)",
        responses=LogReviewsSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        accounts = self.paginate_queryset(Account.objects.all())
        rows = matrix(logs_of(list(accounts or []), platform=False), Month.last(MONTHS))
        shown: Any = LogReviewsSerializer(rows, many=True)  # type: ignore[arg-type]
        return self.get_paginated_response(shown.data)

    @documented(
        operation_id="platform_audit_review_months",
        summary="One log's months",
        responses=LogReviewsSerializer,
    )
    def log(self, request: Request, log: str) -> Response:
        row = matrix([log_named(log)], Month.last(MONTHS))[0]
        return Response(LogReviewsSerializer(row).data)

    @documented(operation_id="platform_audit_review_read", summary="A month's review")
    def retrieve(self, request: Request, log: str, month: str) -> Response:
        review = reviews.find_review(account_of(log), Month.parse(month))
        audit.record("review.read", Target("auditreview", str(review.pk), review.label))
        return Response(ReviewSerializer(review).data)

    @documented(
        operation_id="platform_audit_review_gather",
        summary="Begin a month's review, or gather its findings again",
        request=None,
    )
    def gather(self, request: Request, log: str, month: str) -> Response:
        found = reviews.gather(account_of(log), Month.parse(month), who=self.grant.actor.person)
        return Response(ReviewSerializer(found).data)

    @documented(
        operation_id="platform_audit_review_mark",
        summary="Say of findings that they are in order, or need action",
        request=MarkBody,
    )
    def mark(self, request: Request, log: str, month: str) -> Response:
        body = self.body(MarkBody)
        who = self.grant.actor.person
        found = reviews.mark(
            account_of(log), Month.parse(month), body["keys"], body["verdict"], body["note"], who=who
        )
        return Response(ReviewSerializer(found).data)

    @documented(
        operation_id="platform_audit_review_sign",
        summary="Sign a month's review off: nothing of it changes any more. Needs a fresh sign-in",
        request=SignBody,
    )
    def sign(self, request: Request, log: str, month: str) -> Response:
        note = self.body(SignBody)["note"]
        require_recent(request)
        signed = reviews.sign(account_of(log), Month.parse(month), note, who=self.grant.actor.person)
        return Response(ReviewSerializer(signed).data)
