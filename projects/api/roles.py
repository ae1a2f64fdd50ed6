"""A project's own roles, who can do what and why, over the API."""

from typing import ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from projects import reach
from projects.actions import roles as actions
from projects.actions.members import find_member_named
from projects.doors.api import ProjectViewSet
from projects.doors.schema import documented
from projects.doors.strict import PageQuery, QuerySerializer
from projects.models import CustomRole
from projects.serializers.roles import (
    CustomRoleBody,
    CustomRoleChange,
    CustomRoleSerializer,
    PersonSerializer,
    ReachSerializer,
)


class CustomRoleViewSet(ProjectViewSet):
    """Named sets of permissions of this project."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "member.read",
        "create": "role.manage",
        "update": "role.manage",
        "destroy": "role.manage",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery}
    queryset = CustomRole.objects.none()
    serializer_class = CustomRoleSerializer

    @documented(operation_id="custom_roles_list", summary="The project's own roles")
    def list(self, request: Request) -> Response:
        return self.listed(CustomRole.objects.all(), CustomRoleSerializer)

    @documented(
        operation_id="custom_role_make",
        summary="Make a role",
        request=CustomRoleBody,
        responses={201: CustomRoleSerializer},
    )
    def create(self, request: Request) -> Response:
        role = actions.make_role(self.grant, **self.body(CustomRoleBody))
        return Response(CustomRoleSerializer(role).data, status=201)

    @documented(
        operation_id="custom_role_change",
        summary="Give a role another set of permissions",
        request=CustomRoleChange,
        responses=CustomRoleSerializer,
    )
    def update(self, request: Request, name: str) -> Response:
        body, role = self.body(CustomRoleChange), actions.find_role(name, lock=True)
        return Response(CustomRoleSerializer(actions.change_role_permissions(self.grant, role, **body)).data)

    @documented(
        operation_id="custom_role_delete", summary="Forget a role that nobody has", responses={204: None}
    )
    def destroy(self, request: Request, name: str) -> Response:
        actions.delete_role(self.grant, actions.find_role(name, lock=True))
        return Response(status=204)


class ReachViewSet(ProjectViewSet):
    """Who can do what here, and why; what one person can reach."""

    permissions: ClassVar[dict[str, str]] = {"list": "member.read", "retrieve": "member.read"}
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {}
    serializer_class = PersonSerializer
    pagination_class = None  # type: ignore[assignment]  # a project's people are few

    @documented(operation_id="people_permissions", summary="Everybody, with what they have beside their role")
    def list(self, request: Request) -> Response:
        return Response(PersonSerializer(reach.people(), many=True).data)

    @documented(
        operation_id="person_reach", summary="What a member can reach, and why", responses=ReachSerializer
    )
    def retrieve(self, request: Request, username: str) -> Response:
        member = find_member_named(username)
        shown = {
            "username": member.user.username,
            "role": member.role,
            "expires_at": member.expires_at,
            "permissions": reach.held_by(member.user_id),
            "things": reach.things_of(self.grant, member.user_id),
        }
        return Response(ReachSerializer(shown).data)
