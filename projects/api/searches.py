"""Saved searches of a project's audit log."""

from typing import ClassVar
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from projects.actions.searches import delete_search, save_search, visible_searches
from projects.doors.api import ProjectViewSet
from projects.doors.pagination import PortalCursorPagination
from projects.doors.schema import documented
from projects.doors.strict import PageQuery, QuerySerializer
from projects.forms import AuditFilterForm
from projects.models import SavedSearch
from projects.serializers.search import SearchBody, SearchSerializer


class SearchesByName(PortalCursorPagination):
    """As the page lists them."""

    ordering = ("name", "id")


class SavedSearchViewSet(ProjectViewSet):
    """One's own searches, and those that others share."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "audit.read",
        "create": "audit.read",
        "destroy": "audit.read",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery}
    queryset = SavedSearch.objects.none()
    serializer_class = SearchSerializer
    pagination_class = SearchesByName

    @documented(operation_id="audit_searches_list", summary="Saved searches of the audit log")
    def list(self, request: Request) -> Response:
        return self.listed(visible_searches(self.grant), SearchSerializer)

    @documented(
        operation_id="audit_search_save",
        summary="Save a search of the audit log",
        request=SearchBody,
        responses={201: SearchSerializer},
    )
    def create(self, request: Request) -> Response:
        body = self.body(SearchBody)
        form = AuditFilterForm(body["filters"])
        search = save_search(self.grant, body["name"], form, shared=body["shared"])
        return Response(SearchSerializer(search).data, status=201)

    @documented(operation_id="audit_search_delete", summary="Delete a saved search", responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        delete_search(self.grant, pk)
        return Response(status=204)
