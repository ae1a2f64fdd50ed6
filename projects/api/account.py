"""Links between the account behind the project and other accounts."""

from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import NotFound
from accounts.models import TrustLink
from projects.actions import links
from projects.doors.api import ProjectViewSet
from projects.doors.schema import documented
from projects.doors.strict import PageQuery, QuerySerializer
from projects.serializers import (
    ClaimBody,
    InvitationBody,
    LinkInvitedSerializer,
    LinkSerializer,
)
from projects.serializers.account import LinkClaimedSerializer


def find_link(pk: UUID) -> TrustLink:
    """Return a link that the account in scope is a party to; raises `NotFound`."""
    link: TrustLink | None = TrustLink.objects.filter(pk=pk).first()
    if link is None:
        raise NotFound("link.not_found", _("This account has no such link."))
    return link


class LinkViewSet(ProjectViewSet):
    """Links between this account and others."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "link.read",
        "retrieve": "link.read",
        "create": "link.manage",
        "claim": "link.manage",
        "approve": "link.manage",
        "revoke": "link.manage",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery}
    serializer_class = LinkSerializer

    def _shown(self, link: TrustLink) -> Response:
        return Response(LinkSerializer(link, context={"grant": self.grant}).data)

    @documented(operation_id="links_list", summary="Links")
    def list(self, request: Request) -> Response:
        return self.listed(TrustLink.objects.all(), LinkSerializer, grant=self.grant)

    @documented(operation_id="link_read", summary="A link")
    def retrieve(self, request: Request, pk: UUID) -> Response:
        return self._shown(find_link(pk))

    @documented(
        operation_id="link_invite",
        summary="Offer to lend; the answer is the only place that shows the code",
        request=InvitationBody,
        responses={201: LinkInvitedSerializer},
    )
    def create(self, request: Request) -> Response:
        body = self.body(InvitationBody)
        link, code = links.invite(self.grant, body["note"], timedelta(seconds=body["expires_in"]))
        made = LinkInvitedSerializer(link, context={"grant": self.grant, "code": code})
        return Response(made.data, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})

    @documented(
        operation_id="link_claim",
        summary="Ask for what a code offers",
        request=ClaimBody,
        responses={202: LinkClaimedSerializer},
    )
    def claim(self, request: Request) -> Response:
        link_id = links.claim(self.grant, self.body(ClaimBody)["code"])
        shown = {"id": link_id, "state": TrustLink.State.REQUESTED}
        return Response(LinkClaimedSerializer(shown).data, status=status.HTTP_202_ACCEPTED)

    @documented(operation_id="link_approve", summary="Let a borrower in", request=None)
    def approve(self, request: Request, pk: UUID) -> Response:
        return self._shown(links.approve(self.grant, find_link(pk)))

    @documented(operation_id="link_revoke", summary="End a link, or take an offer back", request=None)
    def revoke(self, request: Request, pk: UUID) -> Response:
        return self._shown(links.revoke(self.grant, find_link(pk)))
