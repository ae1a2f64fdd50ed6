"""The account behind the project, and its links to others."""

from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Account, TrustLink
from projects.actions import links
from projects.actions.accounts import choose_start
from projects.doors.api import ProjectViewSet
from projects.doors.schema import IDEMPOTENCY_PARAMETER, documented
from projects.doors.strict import PageQuery, QuerySerializer, idempotency_key
from projects.lease_checks import submit_check
from projects.serializers import OperationSerializer
from projects.serializers.account import (
    AccountSerializer,
    AccountStartBody,
    ApprovalBody,
    ClaimBody,
    InvitationBody,
    LeaseCheckBody,
    LendingCodeSerializer,
    LinkInvitedSerializer,
    LinkReasonBody,
    LinkRequestBody,
    LinkSerializer,
)


class AccountViewSet(ProjectViewSet):
    """The account behind the project."""

    permissions: ClassVar[dict[str, str]] = {
        "retrieve": "project.read",
        "partial_update": "credential.manage",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {}
    serializer_class = AccountSerializer

    @documented(operation_id="account_read", summary="The account behind the project")
    def retrieve(self, request: Request) -> Response:
        return Response(AccountSerializer(Account.objects.get(pk=self.grant.account_id)).data)

    @documented(
        operation_id="account_update",
        summary="Choose where the account's credentials come from",
        request=AccountStartBody,
    )
    def partial_update(self, request: Request) -> Response:
        account = choose_start(self.grant, self.body(AccountStartBody)["start"])
        return Response(AccountSerializer(account).data)


class LinkViewSet(ProjectViewSet):
    """Links between this account and others."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "link.read",
        "retrieve": "link.read",
        "create": "link.manage",
        "claim": "link.manage",
        "request_link": "link.manage",
        "open_requests": "link.manage",
        "close_requests": "link.manage",
        "approve": "link.manage",
        "reject": "link.manage",
        "revoke": "link.manage",
        "check": "link.manage",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery}
    serializer_class = LinkSerializer

    def _shown(self, link: TrustLink, code: int = status.HTTP_200_OK) -> Response:
        return Response(LinkSerializer(link, context={"grant": self.grant}).data, status=code)

    @documented(operation_id="links_list", summary="Links")
    def list(self, request: Request) -> Response:
        return self.listed(TrustLink.objects.all(), LinkSerializer, grant=self.grant)

    @documented(operation_id="link_read", summary="A link")
    def retrieve(self, request: Request, pk: UUID) -> Response:
        return self._shown(links.find_link(pk))

    @documented(
        operation_id="link_invite",
        summary="Offer to lend; the answer is the only place that shows the code",
        request=InvitationBody,
        responses={201: LinkInvitedSerializer},
    )
    def create(self, request: Request) -> Response:
        body = self.body(InvitationBody)
        lifetime = timedelta(seconds=body["expires_in"])
        link, code = links.invite(self.grant, body.get("terms") or {}, lifetime)
        made = LinkInvitedSerializer(link, context={"grant": self.grant, "code": code})
        return Response(made.data, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})

    @documented(
        operation_id="link_claim",
        summary="Ask for what an invitation offers",
        request=ClaimBody,
        responses={202: LinkSerializer},
    )
    def claim(self, request: Request) -> Response:
        link_id = links.claim(self.grant, self.body(ClaimBody)["code"])
        return self._shown(links.find_link(link_id), status.HTTP_202_ACCEPTED)

    @documented(
        operation_id="link_request",
        summary="Ask a trusted account for a link, by its code for requests",
        request=LinkRequestBody,
        responses={202: LinkSerializer},
    )
    def request_link(self, request: Request) -> Response:
        body = self.body(LinkRequestBody)
        link_id = links.request(self.grant, body["code"], body["note"])
        return self._shown(links.find_link(link_id), status.HTTP_202_ACCEPTED)

    @documented(
        operation_id="link_open_requests",
        summary="Let general accounts ask for a link; the code replaces the one before and is shown only here",
        request=None,
        responses={201: LendingCodeSerializer},
    )
    def open_requests(self, request: Request) -> Response:
        made = LendingCodeSerializer({"code": links.open_requests(self.grant)})
        return Response(made.data, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})

    @documented(operation_id="link_close_requests", summary="Take no more requests", responses={204: None})
    def close_requests(self, request: Request) -> Response:
        links.close_requests(self.grant)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @documented(
        operation_id="link_approve",
        summary="Let a borrower in, under the terms of the offer or under these",
        request=ApprovalBody,
    )
    def approve(self, request: Request, pk: UUID) -> Response:
        body = self.body(ApprovalBody)
        link = links.approve(self.grant, links.find_link(pk), body.get("terms"), body["reason"])
        return self._shown(link)

    @documented(operation_id="link_reject", summary="Refuse a request", request=LinkReasonBody)
    def reject(self, request: Request, pk: UUID) -> Response:
        reason = self.body(LinkReasonBody)["reason"]
        return self._shown(links.reject(self.grant, links.find_link(pk), reason))

    @documented(
        operation_id="link_revoke", summary="End a link, or take an offer back", request=LinkReasonBody
    )
    def revoke(self, request: Request, pk: UUID) -> Response:
        reason = self.body(LinkReasonBody)["reason"]
        return self._shown(links.revoke(self.grant, links.find_link(pk), reason))

    @documented(
        operation_id="link_check",
        summary="Try a lent credential: a lease is taken for one request and forgotten",
        request=LeaseCheckBody,
        responses={202: OperationSerializer},
        parameters=[IDEMPOTENCY_PARAMETER],
    )
    def check(self, request: Request, pk: UUID) -> Response:
        credential = self.body(LeaseCheckBody)["credential"]
        operation = submit_check(
            self.grant, links.find_link(pk), credential, idempotency_key=idempotency_key(request)
        )
        shown = OperationSerializer(operation, context={"slug": self.grant.slug})
        return Response(shown.data, status=status.HTTP_202_ACCEPTED)
