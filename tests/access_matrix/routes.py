"""Every address of the portal, found where the portal finds it: the URLconf, and the apps' plain ASGI routes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.module_loading import module_has_submodule

from projects.doors.api import PersonalViewSet, PlatformViewSet, ProjectViewSet, SignedInViewSet
from projects.doors.asgi import ProjectApp
from projects.doors.pages import PersonalView, PlatformView, ProjectView
from projects.doors.schema import path_of

FLOORS = ("accounts", "projects", "clusters", "registry")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Route:
    """One address. `door` says which door it stands behind: api, page, asgi, me, own, personal,
    platform, platform api, or none.
    """

    template: str
    door: str
    view: Any
    # method → declared permission, or for the platform's API the roles that may call, with "|" between them
    actions: tuple[tuple[str, str], ...]
    source: str

    @property
    def methods(self) -> dict[str, str]:
        """The declared methods, each with its permission ("" where the door asks for none)."""
        return dict(self.actions)

    @property
    def reader(self) -> str:
        """The platform role that a platform page is for."""
        given = getattr(self.view, "view_initkwargs", {}).get("reader")
        return str(given or getattr(getattr(self.view, "view_class", None), "reader", ""))

    def arguments(self) -> list[tuple[str, str]]:
        """Path arguments as (converter, name), without the project's slug."""
        found = re.findall(r"<(?:(\w+):)?(\w+)>|{(\w+)}", self.template)
        pairs = [(converter or "str", name or asgi) for converter, name, asgi in found]
        return [(converter, name) for converter, name in pairs if name != "slug"]

    def path(self, values: dict[str, Any]) -> str:
        """Fill the template in."""
        return re.sub(
            r"<(?:\w+:)?(\w+)>|{(\w+)}", lambda match: str(values[match[1] or match[2]]), self.template
        )


def _declared(view: Any) -> tuple[str, dict[str, str]]:
    """Return which door a callback stands behind, and its methods with their permissions."""
    cls = getattr(view, "cls", None) or getattr(view, "view_class", None)
    if cls is None:
        return "none", {}
    if issubclass(cls, ProjectViewSet):
        return "api", {method.upper(): cls.permissions.get(name, "") for method, name in view.actions.items()}
    if issubclass(cls, PlatformViewSet):
        return "platform api", {
            method.upper(): "|".join(cls.roles.get(name, ())) for method, name in view.actions.items()
        }
    if issubclass(cls, PersonalViewSet):
        return "own", {method.upper(): "" for method in view.actions}
    if issubclass(cls, SignedInViewSet):
        return "me", {method.upper(): "" for method in view.actions}
    if issubclass(cls, ProjectView):
        return "page", {method.upper(): permission for method, permission in cls.actions.items()}
    methods = {method: "" for method in METHODS if hasattr(cls, method.lower())}
    if issubclass(cls, PlatformView):
        return "platform", methods
    if issubclass(cls, PersonalView):
        return "personal", methods
    return "none", {}


def _walk(patterns: list[Any], prefix: str) -> Iterator[Route]:
    for pattern in patterns:
        text = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, text)
        elif isinstance(pattern, URLPattern):
            view = pattern.callback
            door, actions = _declared(view)
            cls = getattr(view, "cls", None) or getattr(view, "view_class", None) or view
            source = f"{cls.__module__}.{cls.__qualname__}"
            found = tuple(
                sorted((method, p) for method, p in actions.items() if method not in ("HEAD", "OPTIONS"))
            )
            yield Route("/" + text, door, view, found, source)


def django_routes() -> list[Route]:
    """Every route of the URLconf."""
    return list(_walk(get_resolver().url_patterns, ""))


def asgi_routes() -> list[Route]:
    """Every plain ASGI route of the apps."""
    found = []
    for name in FLOORS:
        if not module_has_submodule(import_module(name), "asgi"):
            continue
        for pattern, target in import_module(f"{name}.asgi").routes:
            assert issubclass(target, ProjectApp), f"{pattern}: plain ASGI routes are ProjectApps"
            found.append(
                Route(
                    path_of(pattern),
                    "asgi",
                    target,
                    tuple(sorted(target.actions.items())),
                    f"{target.__module__}.{target.__qualname__}",
                )
            )
    return found


def every_route() -> list[Route]:
    """All of them."""
    return [*django_routes(), *asgi_routes()]
