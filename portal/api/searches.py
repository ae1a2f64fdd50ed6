"""Saved searches of the audit room."""

from typing import ClassVar
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from portal.room_filters import room_form
from projects.actions.searches import delete_room_search, save_room_search, visible_in_room
from projects.api.searches import SearchesByName
from projects.doors.api import PlatformViewSet
from projects.doors.schema import documented
from projects.doors.strict import PageQuery, QuerySerializer
from projects.models import RoomSearch
from projects.serializers.search import SearchBody, SearchSerializer


class RoomSearchViewSet(PlatformViewSet):
    """An auditor's own searches, and those that other auditors share."""

    roles: ClassVar[dict[str, tuple[str, ...]]] = {
        "list": ("auditor",),
        "create": ("auditor",),
        "destroy": ("auditor",),
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery}
    queryset = RoomSearch.objects.none()
    serializer_class = SearchSerializer
    pagination_class = SearchesByName

    @documented(operation_id="platform_audit_searches_list", summary="Saved searches of the audit room")
    def list(self, request: Request) -> Response:
        return self.listed(visible_in_room(self.grant.user_id), SearchSerializer)

    @documented(
        operation_id="platform_audit_search_save",
        summary="Save a search of every account's log",
        request=SearchBody,
        responses={201: SearchSerializer},
    )
    def create(self, request: Request) -> Response:
        body = self.body(SearchBody)
        with self.reading():
            form = room_form(body["filters"])
        user = User.objects.get(pk=self.grant.user_id)
        search = save_room_search(user, body["name"], form, shared=body["shared"])
        return Response(SearchSerializer(search).data, status=201)

    @documented(
        operation_id="platform_audit_search_delete", summary="Delete a saved search", responses={204: None}
    )
    def destroy(self, request: Request, pk: UUID) -> Response:
        delete_room_search(self.grant.user_id, pk)
        return Response(status=204)
