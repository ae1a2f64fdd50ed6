"""The newest source of each training project, in one query for many."""

from registry.models import TrainingProject, TrainingSource


def with_newest(projects: list[TrainingProject]) -> list[TrainingProject]:
    """Attach each project's newest source, or None, as `newest`: serializers and templates read it there."""
    rows = (
        TrainingSource.objects.filter(project__in=projects)
        .order_by("project_id", "-number")
        .distinct("project_id")
        .select_related("content", "project")
    )
    found = {source.project_id: source for source in rows}
    for project in projects:
        project.newest = found.get(project.pk)  # type: ignore[attr-defined]
    return projects


def newest_of(project: TrainingProject) -> TrainingSource | None:
    """What `with_newest` attached."""
    source: TrainingSource | None = getattr(project, "newest", None)
    return source
