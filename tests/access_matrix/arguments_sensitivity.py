"""A dataset with a grant on it, for the matrix."""

from typing import Any

from projects.models import Project
from registry.datasets.actions.datasets import create_dataset
from registry.datasets.actions.sensitivity import give_access
from tests.access_matrix.arguments import ME, PAGE, owner_of
from tests.access_matrix.arguments_registry import VERSION, make_version
from tests.access_matrix.registry import arguments
from tests.cast import Cast


@arguments(f"{ME}datasets/<str:name>/sensitivity", f"{ME}datasets/<str:name>/access-requests", body={})
@arguments(f"{ME}datasets/<str:name>/grants", f"{PAGE}datasets/<str:name>/access/", body={})
def dataset(cast: Cast, project: Project) -> dict[str, Any]:
    with cast.inside(owner_of(cast, project), project) as grant:
        return {"name": create_dataset(grant, f"s-{project.slug}").name}


@arguments(
    f"{ME}datasets/<str:name>/grants/<uuid:pk>", f"{PAGE}datasets/<str:name>/access/<uuid:pk>/", body={}
)
def given(cast: Cast, project: Project) -> dict[str, Any]:
    with cast.inside(owner_of(cast, project), project) as grant:
        made = create_dataset(grant, f"g-{project.slug}")
        return {"name": made.name, "pk": give_access(grant, made, role="viewer", reason="to look").pk}


@arguments(f"{PAGE}{VERSION}/download/", query="path=a.csv")
def download(cast: Cast, project: Project) -> dict[str, Any]:
    made = make_version(cast, project)
    return {"name": made["name"], "number": made["number"]}
