"""Changing the project itself."""

from django.utils.translation import gettext as _

from accounts import audit
from accounts.errors import Invalid
from projects.models import Project


def update_project(project: Project, *, name: str | None = None, description: str | None = None) -> Project:
    """Rename or describe the project in scope; its slug stays. Raises `Invalid` for an empty name."""
    changed: dict[str, list[str]] = {}
    if name is not None:
        before, project.name = project.name, name.strip()
        if not project.name:
            message = _("A project needs a name.")
            raise Invalid("project.name", message, errors={"name": [message]})
        changed["name"] = [before, project.name]
    if description is not None:
        changed["description"] = [project.description, description]
        project.description = description
    if changed:
        project.save(update_fields=changed)
    audit.record("project.update", project, detail={"changed": changed})
    return project
