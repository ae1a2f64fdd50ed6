"""Accounts as the platform sees them."""

from typing import Any

from accounts.models import Disposal
from accounts.tenancy import scope
from projects.models import Project
from tests.access_matrix.registry import arguments
from tests.cast import Cast

API = "/api/v1/platform/accounts/<uuid:pk>/"


@arguments(f"{API}suspend", f"{API}reopen", f"{API}close", "/platform/accounts/<uuid:pk>/")
def account(cast: Cast, project: Project) -> dict[str, Any]:
    return {"pk": project.pk}


@arguments(f"{API}disposal")
def disposed(cast: Cast, project: Project) -> dict[str, Any]:
    with scope(project.pk):
        Disposal(body="{}", sha256="0", key="0", signature="0").save(force_insert=True)
    return {"pk": project.pk}
