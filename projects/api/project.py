"""A project, its roles and its members."""

from typing import ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import NotFound
from projects.actions.members import add_member, change_role, remove_member
from projects.actions.project import update_project
from projects.doors.api import ProjectViewSet
from projects.doors.schema import documented
from projects.doors.strict import PageQuery, QuerySerializer
from projects.models import CustomRole, Membership, Project
from projects.permissions import Permission, Role, permissions_of
from projects.serializers import (
    MemberBody,
    MemberSerializer,
    ProjectBody,
    ProjectSerializer,
    RoleBody,
    RoleTableSerializer,
)


class ProjectDetailViewSet(ProjectViewSet):
    """The project itself."""

    permissions: ClassVar[dict[str, str]] = {
        "retrieve": "project.read",
        "partial_update": "project.update",
        "roles": "member.read",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {}
    serializer_class = ProjectSerializer

    def _shown(self, project: Project) -> Response:
        return Response(ProjectSerializer(project, context={"grant": self.grant}).data)

    @documented(operation_id="project_read", summary="A project")
    def retrieve(self, request: Request) -> Response:
        return self._shown(Project.objects.select_related("account").get())

    @documented(
        operation_id="project_update",
        summary="Rename or describe a project",
        request=ProjectBody,
        responses=ProjectSerializer,
    )
    def partial_update(self, request: Request) -> Response:
        body = self.body(ProjectBody)
        return self._shown(update_project(Project.objects.select_related("account").get(), **body))

    @documented(
        operation_id="project_roles", summary="Roles and their permissions", responses=RoleTableSerializer
    )
    def roles(self, request: Request) -> Response:
        sets = {role: {str(p) for p in permissions_of(role)} for role in Role.values}
        sets |= {role.name: set(role.permissions) for role in CustomRole.objects.order_by("name")}
        table = {p.value: [role for role, held in sets.items() if p.value in held] for p in Permission}
        return Response({"roles": list(sets), "permissions": table})


def find_member(pk: UUID) -> Membership:
    """Return a member of the project in scope; raises `NotFound`."""
    membership: Membership | None = Membership.objects.select_related("user").filter(pk=pk).first()
    if membership is None:
        raise NotFound("member.not_found", _("There is no such member in this project."))
    return membership


class MemberViewSet(ProjectViewSet):
    """Who works in the project, and as what."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "member.read",
        "retrieve": "member.read",
        "create": "member.manage",
        "partial_update": "member.manage",
        "destroy": "member.manage",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]] | None] = {"list": PageQuery}
    serializer_class = MemberSerializer

    @documented(operation_id="members_list", summary="Members")
    def list(self, request: Request) -> Response:
        return self.listed(Membership.objects.select_related("user"), MemberSerializer)

    @documented(operation_id="member_read", summary="A member")
    def retrieve(self, request: Request, pk: UUID) -> Response:
        return Response(MemberSerializer(find_member(pk)).data)

    @documented(
        operation_id="member_add",
        summary="Add a member",
        request=MemberBody,
        responses={201: MemberSerializer},
    )
    def create(self, request: Request) -> Response:
        body = self.body(MemberBody)
        membership = add_member(self.grant, body["username"], body["role"], expires_at=body.get("expires_at"))
        return Response(MemberSerializer(membership).data, status=status.HTTP_201_CREATED)

    @documented(
        operation_id="member_role",
        summary="Give a member another role",
        request=RoleBody,
        responses=MemberSerializer,
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        body = self.body(RoleBody)
        return Response(MemberSerializer(change_role(self.grant, find_member(pk), body["role"])).data)

    @documented(operation_id="member_remove", summary="End a membership", responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        remove_member(self.grant, find_member(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)
