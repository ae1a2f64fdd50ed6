"""Where artifacts lie: MLflow's artifact addresses and paths, checked against one workspace.

The layout below the artifact folder is MLflow's: `workspaces/<workspace>/<experiment>/<run>/artifacts/…`,
`…/<experiment>/models/<model>/artifacts/…` and `…/<experiment>/traces/<trace>/artifacts/…`.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from django.utils.translation import gettext as _

from accounts.errors import Invalid, NotFound

SCHEME = "mlflow-artifacts"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
# MLflow decodes a path again before it uses it: one that would then be another is refused, or what is checked and
# recorded would not be what is read.
_ENCODED = re.compile(r"%[0-9a-f]{2}", re.IGNORECASE)
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\#?]")


@dataclass(frozen=True, slots=True)
class Place:
    """What an artifact path is about.

    `path` is the whole path below the artifact folder, `owner` the part of it that names a run, model or
    trace (`<experiment>/<run>`), `inside` the path without the workspace; both are empty above that level.
    """

    path: str
    run_id: str = ""
    model_id: str = ""
    owner: str = ""
    inside: str = ""


def bad_path() -> Invalid:
    """The answer to a path that climbs, repeats or hides its separators."""
    return Invalid(
        "artifact.path",
        _("This is not a usable artifact path: no empty, “.” or “..” parts, and no encoded separators."),
        errors={},
    )


def checked(path: str) -> str:
    """Return a relative path as it is; raises `Invalid` where MLflow could read it as anything but what it
    says.
    """
    if _FORBIDDEN.search(path) or _ENCODED.search(path) or ":" in path.partition("/")[0]:
        raise bad_path()
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise bad_path()
    return path


def place_of(path: str, workspace: str) -> Place:
    """Resolve an artifact path within a workspace; another workspace's path is a plain 404.

    A path may start with `workspaces/<its own>` as MLflow's addresses do, or leave that out.
    """
    parts = checked(path).split("/")
    if parts[0] == "workspaces":
        if len(parts) < 2 or parts[1] != workspace:
            raise NotFound("artifact.not_found", _("There is no such artifact in this project."))
        parts = parts[2:]
    path, inside = "/".join(["workspaces", workspace, *parts]), "/".join(parts)
    if len(parts) < 3:
        return Place(path)
    if parts[1] in ("models", "traces"):
        model_id = parts[2] if parts[1] == "models" else ""
        return Place(path, model_id=model_id, owner="/".join(parts[:3]), inside=inside)
    return Place(path, run_id=parts[1], owner="/".join(parts[:2]), inside=inside)


def folder_of(uri: str, workspace: str) -> str:
    """Return the path below the artifact folder of an artifact address of this workspace; raises `NotFound`
    otherwise.
    """
    address = urlsplit(uri)
    if address.scheme != SCHEME or address.netloc or address.query or address.fragment:
        raise NotFound("artifact.not_found", _("There is no such artifact in this project."))
    return place_of(address.path.strip("/"), workspace).path


def address_of(uri: str, path: str, workspace: str) -> str:
    """Return where MLflow serves the file `path` below an artifact address of this workspace.

    The only way to build such an address: HTTP clients resolve `..` before they send, and would reach any of
    MLflow's routes. Raises `Invalid` for a path that is not plainly below, `NotFound` for a foreign address.
    """
    return f"{FILES}/{quote(f'{folder_of(uri, workspace)}/{checked(path)}')}"
