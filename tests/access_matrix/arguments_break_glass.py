"""A platform admin inside a project, for the matrix."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from projects.models import BreakGlass, Project
from tests.access_matrix.arguments import ME, PAGE, owner_of
from tests.access_matrix.registry import arguments
from tests.cast import Cast


@arguments(
    f"{ME}break-glass/<uuid:pk>/end", f"{PAGE}settings/break-glass/<uuid:pk>/", also={"*": "member.manage"}
)
def entered(cast: Cast, project: Project) -> dict[str, Any]:
    """Somebody else's way in: ending it is for who manages members."""
    with cast.inside(owner_of(cast, project), project):
        made = BreakGlass(
            user=cast.root,
            user_label="root",
            slug=project.slug,
            name=project.name,
            reason="a broken project",
            expires_at=timezone.now() + timedelta(hours=1),
        )
        made.save(force_insert=True)
        BreakGlass.objects.filter(pk=made.pk).update(user=cast.audrey)
        return {"pk": made.pk}
