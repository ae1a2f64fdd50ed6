"""Artifacts of runs and of logged models."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import httpx

from registry.mlflow import transport
from registry.mlflow.artifacts import FILES, address_of, checked, folder_of
from registry.mlflow.entities import Artifact, LoggedModel
from registry.mlflow.failures import error_of
from registry.mlflow.session import V2, Session
from registry.mlflow.workspaces import HEADER


def _folder(path: str) -> str:
    """Check a path that came from outside, as the gateway does; empty is the top."""
    return checked(path.rstrip("/")) if path else ""


class Files(Session):
    """What an account's runs leave behind."""

    __slots__ = ()

    def artifacts(self, run_id: str, path: str = "") -> list[Artifact]:
        """List one folder of a run's artifacts; raises `Invalid` for a path that climbs."""
        found = self.get(f"{V2}/artifacts/list", run_id=run_id, path=_folder(path))
        return [Artifact.of(item) for item in found.get("files", ())]

    def logged_model(self, model_id: str) -> LoggedModel:
        """Return one logged model."""
        return LoggedModel.of(self.get(f"{V2}/logged-models/{quote(model_id, safe='')}")["model"])

    def model_artifacts(self, model_id: str, path: str = "") -> list[Artifact]:
        """List one folder of a logged model's files."""
        address = f"{V2}/logged-models/{quote(model_id, safe='')}/artifacts/directories"
        found = self.get(address, artifact_directory_path=_folder(path))
        return [Artifact.of(item) for item in found.get("files", ())]

    @contextmanager
    def open_artifact(self, uri: str, path: str, *, range: str = "") -> Iterator[httpx.Response]:
        """Open a file below an artifact address (`run.artifact_uri`, `model.artifact_uri`) for streaming.

        Raises `Invalid` for a path that climbs. Read it with `iter_bytes()`; `range` is an HTTP Range such as
        `bytes=0-1023`. Recording that somebody read it is the caller's part.
        """
        workspace = self.ensure_workspace()
        address = address_of(uri, path, workspace)
        headers = {HEADER: workspace, **({"Range": range} if range else {})}
        with transport.reachable(), transport.client().stream("GET", address, headers=headers) as response:
            if response.status_code >= 400:
                response.read()
                raise error_of(response)
            yield response

    def walk(self, uri: str, folder: str = "") -> Iterator[Artifact]:
        """Yield every file below an artifact address; paths are relative to it."""
        base = folder_of(uri, self.ensure_workspace())
        listed = self.get(FILES, path=f"{base}/{folder}" if folder else base)
        for item in map(Artifact.of, listed.get("files", ())):
            path = f"{folder}/{item.path}" if folder else item.path
            if item.is_dir:
                yield from self.walk(uri, path)
            else:
                yield Artifact(path, False, item.size)
