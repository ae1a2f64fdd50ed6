"""A protected alias and a promotion that waits, for the matrix; tests/mlflow tries them against the real server."""

from typing import Any

from projects import approvals
from projects.models import Project
from registry.models import Promotion
from registry.promotions.actions import KIND
from registry.promotions.protecting import protect
from tests.access_matrix.arguments import ME, PAGE, owner_of
from tests.access_matrix.registry import arguments
from tests.cast import Cast

SIDE = {
    "version": 2,
    "run_id": "0" * 32,
    "run_name": "etch-2",
    "metrics": {"f1": 0.9},
    "datasets": [{"name": "wafers", "version": 1}],
    "job": None,
    "made_from": "",
    "trained_by": "sam",
    "signature": True,
    "created_at": None,
}


@arguments(f"{ME}protected-aliases/<uuid:pk>/removal", body={"reason": "no longer served"})
@arguments(f"{PAGE}settings/aliases/<uuid:pk>/", body={"reason": "no longer served"})
def protected(cast: Cast, project: Project) -> dict[str, Any]:
    with cast.inside(owner_of(cast, project), project) as grant:
        return {"pk": protect(grant, f"a-{project.slug[-6:]}").pk}


@arguments(f"{ME}promotions/<uuid:pk>")
def promotion(cast: Cast, project: Project) -> dict[str, Any]:
    """As `actions.ask` leaves it, without MLflow to ask."""
    with cast.inside(owner_of(cast, project), project) as grant:
        made = Promotion(
            model=f"m-{project.slug[-6:]}",
            alias="champion",
            version=2,
            evidence={"challenger": SIDE, "current": None},
            reason="better",
            asked_by_label=grant.actor.label,
        )
        made.request = approvals.ask(KIND, made, {"promotion": str(made.pk)}, "better", grant)
        made.save(force_insert=True)
        return {"pk": made.pk}


@arguments(f"{ME}models/<str:name>/comparison", query="alias=champion&version=2")
@arguments(
    f"{PAGE}models/<str:name>/promote/", body={"alias": "champion", "version": "2", "reason": "better"}
)
def compared(cast: Cast, project: Project) -> dict[str, Any]:
    return {"name": "yield"}
