"""Robots of a project, for the matrix."""

from typing import Any

from projects.actions.robots import make_robot
from projects.models import Project
from tests.access_matrix.arguments import ME, PAGE, owner_of
from tests.access_matrix.registry import arguments
from tests.cast import Cast


@arguments(f"{ME}robots/<str:name>", f"{ME}robots/<str:name>/enable", body={})
@arguments(f"{ME}robots/<str:name>/reach")
@arguments(f"{ME}robots/<str:name>/disable", f"{ME}robots/<str:name>/end", body={"reason": "a test"})
@arguments(f"{ME}robots/<str:name>/tokens", body={"name": "a token"})
@arguments(f"{PAGE}settings/robots/<str:name>/", body={})
def robot(cast: Cast, project: Project) -> dict[str, Any]:
    with cast.inside(owner_of(cast, project), project) as grant:
        return {"name": make_robot(grant, name=f"r-{project.slug[-6:]}", role="viewer").name}
