"""The platform over REST: accounts, and the system's state. No tenant's data is here."""

from typing import ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import NotFound
from accounts.models import Account, Disposal
from accounts.recent import require_recent
from portal.api.serializers import (
    AccountBody,
    AccountMadeSerializer,
    CloseBody,
    ClosingSerializer,
    DisposalSerializer,
    PlatformAccountDetailSerializer,
    PlatformAccountSerializer,
    ReasonBody,
    SystemSerializer,
)
from portal.overview import NOTHING, overviews
from portal.system import system_now
from projects.actions import lifecycle
from projects.actions.accounts import open_account_for
from projects.doors.api import PlatformViewSet
from projects.doors.pagination import PortalCursorPagination
from projects.doors.schema import documented
from projects.doors.strict import PageQuery, QuerySerializer
from projects.models import Project


def found_project(pk: UUID) -> Project:
    """Return an account's project, its overview beside it, in a platform reader's scope; raises `NotFound`."""
    project: Project | None = Project.objects.select_related("account").filter(pk=pk).first()
    if project is None:
        raise NotFound("account.not_found", _("There is no such account."))
    project.overview = overviews(pk).get(pk, NOTHING)  # type: ignore[attr-defined]
    return project


class NewestAccountFirst(PortalCursorPagination):
    """A project's primary key is its account's, which sorts by time of opening."""

    ordering = "-account_id"


class AccountViewSet(PlatformViewSet):
    """Accounts: who they are, never what is in them."""

    roles: ClassVar[dict[str, tuple[str, ...]]] = {
        "list": ("admin",),
        "retrieve": ("admin",),
        "create": ("admin",),
        "suspend": ("admin",),
        "reopen": ("admin",),
        "close": ("admin",),
        "disposal": ("admin",),
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery}
    serializer_class = PlatformAccountSerializer
    pagination_class = NewestAccountFirst

    @documented(operation_id="platform_accounts_list", summary="All accounts, newest first")
    def list(self, request: Request) -> Response:
        return self.listed(Project.objects.select_related("account"), PlatformAccountSerializer)

    @documented(
        operation_id="platform_account_read", summary="An account", responses=PlatformAccountDetailSerializer
    )
    def retrieve(self, request: Request, pk: UUID) -> Response:
        return Response(PlatformAccountDetailSerializer(found_project(pk)).data)

    @documented(
        operation_id="platform_account_open",
        summary="Open an account with its project and its first owner",
        request=AccountBody,
        responses={201: AccountMadeSerializer},
    )
    def create(self, request: Request) -> Response:
        body = self.body(AccountBody)
        made = open_account_for(
            body["name"], body["kind"], body["owner"], start=body["start"], code=body["code"]
        )
        with self.reading():
            shown = AccountMadeSerializer(made).data
        return Response(shown, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})

    def _shown(self, pk: UUID) -> Response:
        with self.reading():
            return Response(PlatformAccountSerializer(found_project(pk)).data)

    @documented(
        operation_id="platform_account_suspend",
        summary="Close an account's doors at once; what runs for it is asked to end. Needs a fresh sign-in",
        request=ReasonBody,
    )
    def suspend(self, request: Request, pk: UUID) -> Response:
        reason = self.body(ReasonBody)["reason"]
        require_recent(request)
        lifecycle.suspend(pk, reason)
        return self._shown(pk)

    @documented(
        operation_id="platform_account_reopen",
        summary="Open a suspended account's doors again. Needs a fresh sign-in",
        request=ReasonBody,
    )
    def reopen(self, request: Request, pk: UUID) -> Response:
        reason = self.body(ReasonBody)["reason"]
        require_recent(request)
        lifecycle.reopen(pk, reason)
        return self._shown(pk)

    @documented(
        operation_id="platform_account_close",
        summary="Begin the disposal of a suspended account, which cannot be undone. Needs a fresh sign-in",
        request=CloseBody,
        responses={202: ClosingSerializer},
    )
    def close(self, request: Request, pk: UUID) -> Response:
        body = self.body(CloseBody)
        require_recent(request)
        operation = lifecycle.close(
            pk,
            confirm=body["confirm"],
            reason=body["reason"],
            actor=self.grant.actor,
            user_id=self.grant.user_id,
            via=self.grant.via,
        )
        begun = ClosingSerializer({"operation": operation.pk, "state": Account.State.CLOSING})
        return Response(begun.data, status=status.HTTP_202_ACCEPTED)

    @documented(
        operation_id="platform_account_disposal",
        summary="The signed proof of a closed account's disposal",
        responses=DisposalSerializer,
    )
    def disposal(self, request: Request, pk: UUID) -> Response:
        found_project(pk)
        proof = Disposal.objects.filter(account_id=pk).first()
        if proof is None:
            raise NotFound("disposal.not_found", _("This account has not been closed: there is no proof."))
        return Response(DisposalSerializer(proof).data)


class SystemViewSet(PlatformViewSet):
    """How the engines behind the portal are."""

    roles: ClassVar[dict[str, tuple[str, ...]]] = {"retrieve": ("admin",)}
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {}
    serializer_class = SystemSerializer

    @documented(
        operation_id="platform_system", summary="The engines, and how many accounts and people there are"
    )
    def retrieve(self, request: Request) -> Response:
        return Response(SystemSerializer(system_now()).data)
