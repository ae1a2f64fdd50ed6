"""Deletions that wait for a second person, for the matrix."""

from typing import Any

from projects.models import Project
from registry.blobs.writer import BlobWriter
from registry.datasets.actions.datasets import create_dataset
from registry.datasets.actions.uploads import add_file
from registry.datasets.actions.versions import open_version, seal_version
from registry.datasets.deletion.asking import ask
from registry.datasets.find import find_version
from registry.models import Dataset, DatasetDeletion
from tests.access_matrix.arguments import ME, PAGE, owner_of
from tests.access_matrix.registry import arguments
from tests.cast import Cast


def make_sealed(cast: Cast, project: Project) -> dict[str, Any]:
    """A sealed version with one file."""
    with cast.inside(owner_of(cast, project), project) as grant:
        version = open_version(grant, create_dataset(grant, f"x-{project.slug}"))
        with BlobWriter.open(grant.account_id) as writer:
            writer.append(b"a,b\n1,2\n")
            blob = writer.finish()
        add_file(version, "a.csv", blob.pk, blob.size, blob.sha256)
        seal_version(grant, version)
        return {"name": version.dataset.name, "number": version.number, "version": version.pk}


@arguments(
    f"{ME}datasets/<str:name>/versions/<int:number>/deletion", body={"reason": "asked for", "confirm": "x"}
)
def version(cast: Cast, project: Project) -> dict[str, Any]:
    made = make_sealed(cast, project)
    return {"name": made["name"], "number": made["number"]}


@arguments(f"{ME}datasets/<str:name>/deletion", body={"reason": "asked for", "confirm": "x"})
@arguments(f"{PAGE}datasets/<str:name>/delete/", body={"reason": "asked for", "confirm": "x"})
def dataset(cast: Cast, project: Project) -> dict[str, Any]:
    return {"name": make_sealed(cast, project)["name"]}


@arguments(
    f"{ME}dataset-deletions/<uuid:pk>",
    f"{ME}dataset-deletions/<uuid:pk>/statement",
    f"{PAGE}dataset-deletions/<uuid:pk>/",
    absent=frozenset({"GET"}),  # a job's token knows of what its launch named, and of no deletion
)
def deletion(cast: Cast, project: Project) -> dict[str, Any]:
    made = make_sealed(cast, project)
    with cast.inside(owner_of(cast, project), project) as grant:
        Dataset.objects.filter(name=made["name"]).update(sensitivity="confidential")
        found: DatasetDeletion = ask(
            grant, *_both(grant, made["name"], made["number"]), reason="The customer asked for it."
        )
        return {"pk": found.pk}


def _both(grant: Any, name: str, number: int) -> tuple[Dataset, Any]:
    found = find_version(grant, name, number)
    return found.dataset, found
