"""The account's credentials over the API."""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actions import credentials as actions
from accounts.actions.credentials import find_credential
from accounts.credentials import public_parts
from accounts.credentials.dependants import dependants_of
from accounts.errors import Invalid, Unprocessable
from accounts.models import Credential, CredentialTest
from accounts.recent import require_recent
from projects.credential_tests import submit_test
from projects.doors.api import ProjectViewSet
from projects.doors.schema import IDEMPOTENCY_PARAMETER, documented
from projects.doors.strict import PageQuery, QuerySerializer, idempotency_key
from projects.serializers import OperationSerializer
from projects.serializers.credential import (
    CREDENTIAL_BODIES,
    CREDENTIAL_BODY,
    CredentialDetailSerializer,
    CredentialRotationBody,
    CredentialSerializer,
    RevealBody,
    RevealedSerializer,
    SwitchBody,
)

SEALED = ("secret", "candidate", "previous")
TESTS = 10


def shown_parts(credential: Credential) -> dict[str, Any]:
    """Where a credential leads; nothing for one that was kept before its kind had all of today's parts."""
    try:
        return public_parts(credential.kind, credential.secret.reveal())
    except Unprocessable:
        return {}


def newest_tests(credential: Credential, count: int = TESTS) -> list[CredentialTest]:
    """The newest tests of a credential."""
    return list(CredentialTest.objects.filter(credential=credential).order_by("-id")[:count])


class CredentialViewSet(ProjectViewSet):
    """The account's credentials. A secret goes in; only `reveal` gives it out, to a person, on record."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "credential.read",
        "retrieve": "credential.read",
        "create": "credential.manage",
        "destroy": "credential.manage",
        "test": "credential.manage",
        "rotate": "credential.manage",
        "discard": "credential.manage",
        "switch": "credential.manage",
        "roll_back": "credential.manage",
        "reveal": "credential.reveal",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery}
    serializer_class = CredentialSerializer

    @property
    def _by(self) -> str:
        return self.grant.actor.person

    def _shown(self, credential: Credential, code: int = status.HTTP_200_OK) -> Response:
        return Response(CredentialSerializer(credential).data, status=code)

    @documented(operation_id="credentials_list", summary="Credentials")
    def list(self, request: Request) -> Response:
        return self.listed(Credential.objects.defer(*SEALED), CredentialSerializer)

    @documented(
        operation_id="credential_read",
        summary="A credential without its secret: where it leads, its tests, what relies on it",
        responses=CredentialDetailSerializer,
    )
    def retrieve(self, request: Request, pk: UUID) -> Response:
        credential = find_credential(pk)
        credential.parts = shown_parts(credential)  # type: ignore[attr-defined]
        credential.tests = newest_tests(credential)  # type: ignore[attr-defined]
        credential.dependants = dependants_of(credential)  # type: ignore[attr-defined]
        return Response(CredentialDetailSerializer(credential).data)

    @documented(
        operation_id="credential_create",
        summary="Keep a credential",
        request=CREDENTIAL_BODY,
        responses={201: CredentialSerializer},
    )
    def create(self, request: Request) -> Response:
        kind = request.data.get("kind") if isinstance(request.data, dict) else None
        if not isinstance(kind, str) or kind not in CREDENTIAL_BODIES:
            message = _("There is no such kind of credential.")
            raise Invalid("credential.kind", message, errors={"kind": [message]})
        body = self.body(CREDENTIAL_BODIES[kind])
        made = actions.create_credential(body["name"], kind, body["secret"], by=self._by)
        return self._shown(made, status.HTTP_201_CREATED)

    @documented(
        operation_id="credential_test",
        summary="Try a credential out: the new secret that waits, or else the one in use",
        request=None,
        responses={202: OperationSerializer},
        parameters=[IDEMPOTENCY_PARAMETER],
    )
    def test(self, request: Request, pk: UUID) -> Response:
        operation = submit_test(self.grant, find_credential(pk), idempotency_key=idempotency_key(request))
        shown = OperationSerializer(operation, context={"slug": self.grant.slug})
        return Response(shown.data, status=status.HTTP_202_ACCEPTED)

    @documented(
        operation_id="credential_rotate",
        summary="First step of a rotation: bring a new secret and test it; the old one stays in use",
        request=CredentialRotationBody,
        responses={202: CredentialSerializer},
    )
    def rotate(self, request: Request, pk: UUID) -> Response:
        body = self.body(CredentialRotationBody)
        credential = actions.rotate(find_credential(pk), body["secret"], by=self._by)
        submit_test(self.grant, credential)
        return self._shown(credential, status.HTTP_202_ACCEPTED)

    @documented(
        operation_id="credential_discard", summary="Give a rotation up", responses=CredentialSerializer
    )
    def discard(self, request: Request, pk: UUID) -> Response:
        return self._shown(actions.discard(find_credential(pk)))

    @documented(
        operation_id="credential_switch",
        summary="Second step of a rotation: use the new secret from now on",
        request=SwitchBody,
        responses=CredentialSerializer,
    )
    def switch(self, request: Request, pk: UUID) -> Response:
        body = self.body(SwitchBody)
        credential = actions.switch(
            find_credential(pk),
            grace=timedelta(hours=body["grace_hours"]),
            untested_reason=body["untested_reason"],
        )
        return self._shown(credential)

    @documented(
        operation_id="credential_roll_back",
        summary="Use the secret from before the last switch again, within its grace period",
        request=None,
        responses=CredentialSerializer,
    )
    def roll_back(self, request: Request, pk: UUID) -> Response:
        return self._shown(actions.roll_back(find_credential(pk)))

    @documented(
        operation_id="credential_reveal",
        summary="Show a secret to a person who has just signed in; API tokens cannot",
        request=RevealBody,
        responses=RevealedSerializer,
    )
    def reveal(self, request: Request, pk: UUID) -> Response:
        body = self.body(RevealBody)
        credential = find_credential(pk)
        require_recent(request)
        shown = {"secret": actions.reveal(credential, body["reason"])}
        return Response(RevealedSerializer(shown).data, headers={"Cache-Control": "no-store"})

    @documented(operation_id="credential_delete", summary="Forget a credential", responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        actions.delete_credential(find_credential(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)
