"""The account behind the project: its credentials, and its links to other accounts."""

from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actions.credentials import create_credential, delete_credential, replace_secret
from accounts.errors import NotFound
from accounts.models import Credential, TrustLink
from projects.actions import links
from projects.doors.api import ProjectViewSet
from projects.doors.schema import documented
from projects.doors.strict import PageQuery, QuerySerializer
from projects.serializers import (
    ClaimBody,
    CredentialBody,
    CredentialReplacement,
    CredentialSerializer,
    InvitationBody,
    LinkInvitedSerializer,
    LinkSerializer,
)
from projects.serializers.account import LinkClaimedSerializer


def find_credential(pk: UUID) -> Credential:
    """Return a credential of the account in scope; raises `NotFound`."""
    credential: Credential | None = Credential.objects.filter(pk=pk).first()
    if credential is None:
        raise NotFound("credential.not_found", _("There is no such credential in this account."))
    return credential


def find_link(pk: UUID) -> TrustLink:
    """Return a link that the account in scope is a party to; raises `NotFound`."""
    link: TrustLink | None = TrustLink.objects.filter(pk=pk).first()
    if link is None:
        raise NotFound("link.not_found", _("This account has no such link."))
    return link


class CredentialViewSet(ProjectViewSet):
    """The account's credentials. A secret goes in and never comes out."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "credential.read",
        "retrieve": "credential.read",
        "create": "credential.manage",
        "update": "credential.manage",
        "destroy": "credential.manage",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery}
    serializer_class = CredentialSerializer

    @documented(operation_id="credentials_list", summary="Credentials")
    def list(self, request: Request) -> Response:
        return self.listed(Credential.objects.defer("secret"), CredentialSerializer)

    @documented(operation_id="credential_read", summary="A credential, without its secret")
    def retrieve(self, request: Request, pk: UUID) -> Response:
        return Response(CredentialSerializer(find_credential(pk)).data)

    @documented(
        operation_id="credential_create",
        summary="Keep a credential",
        request=CredentialBody,
        responses={201: CredentialSerializer},
    )
    def create(self, request: Request) -> Response:
        body = self.body(CredentialBody)
        credential = create_credential(
            body["name"],
            body["kind"],
            body["secret"],
            by=self.grant.actor.on_behalf_of or self.grant.actor.label,
        )
        return Response(CredentialSerializer(credential).data, status=status.HTTP_201_CREATED)

    @documented(
        operation_id="credential_replace",
        summary="Put another secret in a credential's place",
        request=CredentialReplacement,
        responses=CredentialSerializer,
    )
    def update(self, request: Request, pk: UUID) -> Response:
        body = self.body(CredentialReplacement)
        return Response(CredentialSerializer(replace_secret(find_credential(pk), body["secret"])).data)

    @documented(operation_id="credential_delete", summary="Forget a credential", responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        delete_credential(find_credential(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


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
