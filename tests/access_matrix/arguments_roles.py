"""Roles and people of a project, for the matrix."""

from typing import Any

from projects.actions.roles import make_role
from projects.models import Project
from tests.access_matrix.arguments import ME, PAGE, owner_of
from tests.access_matrix.arguments_access import given
from tests.access_matrix.registry import arguments
from tests.cast import Cast


@arguments(f"{ME}custom-roles/<str:name>", body={"permissions": ["project.read"]})
@arguments(f"{PAGE}settings/permissions/roles/<str:name>/", body={})
def role(cast: Cast, project: Project) -> dict[str, Any]:
    with cast.inside(owner_of(cast, project), project) as grant:
        return {"name": make_role(grant, name=f"r-{project.slug[-6:]}", permissions=["project.read"]).name}


@arguments(f"{ME}people/<str:username>", f"{PAGE}settings/permissions/people/<str:username>/", body={})
def person(cast: Cast, project: Project) -> dict[str, Any]:
    return {"username": owner_of(cast, project)}


@arguments(f"{PAGE}settings/permissions/grants/<uuid:pk>/", body={})
def granted(cast: Cast, project: Project) -> dict[str, Any]:
    return given(cast, project)
