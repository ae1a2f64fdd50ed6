"""The doors: a request reaches tenant data only through `ProjectView`, `ProjectViewSet` or `ProjectApp`."""

from projects.doors.grant import Grant

__all__ = ["Grant"]
