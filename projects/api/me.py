"""What belongs to the caller."""

from typing import ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from projects.doors.api import PERSONS_BEARERS, SignedInViewSet
from projects.doors.door import entrances
from projects.doors.identity import Identity, sign_in_first
from projects.doors.schema import documented
from projects.doors.strict import QuerySerializer
from projects.serializers import MeSerializer, MyProjectSerializer


def person_behind(identity: Identity) -> User:
    """Return the signed-in person, or the one behind their token; raises `Unauthenticated` for nobody."""
    if identity.person is None:
        raise sign_in_first()
    return identity.person


class MeViewSet(SignedInViewSet):
    """Who calls."""

    bearers: ClassVar[frozenset[str]] = PERSONS_BEARERS
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {}
    serializer_class = MeSerializer

    @documented(operation_id="me", summary="Who I am")
    def retrieve(self, request: Request) -> Response:
        identity = self.identity(request)
        user = person_behind(identity)
        shown = {
            "id": user.pk,
            "username": user.username,
            "name": user.name,
            "email": user.email,
            "language": user.language,
            "platform_role": user.platform_role,
            "token": identity.token_id,
        }
        return Response(MeSerializer(shown).data)


class MyProjectsViewSet(SignedInViewSet):
    """The projects that the caller may enter: a person's own, a token's one, a platform token's none."""

    bearers: ClassVar[frozenset[str]] = PERSONS_BEARERS
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {}
    serializer_class = MyProjectSerializer
    pagination_class = None  # type: ignore[assignment]  # a person's projects are few

    @documented(operation_id="projects_mine", summary="My projects")
    def list(self, request: Request) -> Response:
        identity = self.identity(request)
        found = entrances(person_behind(identity).pk)
        if identity.bearer is not None:
            found = [entrance for entrance in found if entrance.account_id == identity.token_account]
        return Response(MyProjectSerializer(found, many=True).data)
