"""A run's files: recorded first, then streamed from MLflow as they are."""

import re
from typing import Any, ClassVar

from accounts import audit
from accounts.audit import Target
from projects.doors import Grant
from projects.doors.asgi import AsgiRequest, ProjectApp
from registry.mlflow.artifacts import address_of
from registry.mlflow.client import Mlflow
from registry.mlflow.failures import error_of
from registry.mlflow.transport import async_client, reachable
from registry.mlflow.workspaces import HEADER, workspace_of

_SAFE_NAME = re.compile(r"[^A-Za-z0-9._-]")


class ArtifactDownload(ProjectApp):
    """`GET …/runs/{run_id}/artifacts/{path}`"""

    actions: ClassVar[dict[str, str]] = {"GET": "mlflow.read"}
    documentation: ClassVar[dict[str, dict[str, Any]]] = {
        "GET": {
            "operationId": "runs_artifact",
            "summary": "Download one of a run's files",
            "responses": {
                "200": {
                    "description": "The file",
                    "content": {
                        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
                    },
                }
            },
        }
    }

    async def handle(self, request: AsgiRequest, grant: Grant, **kwargs: str) -> None:
        run_id, path = kwargs["run_id"], kwargs["path"]

        def release() -> str:
            mlflow = Mlflow(grant.account_id)
            run = mlflow.run(run_id)
            address = address_of(run.artifact_uri, path, workspace_of(grant.account_id))
            audit.record("artifact.download", Target("run", run.id, run.name), detail={"path": path[:500]})
            return address

        address = await self.in_scope(request, grant, release)
        with reachable():
            async with async_client().stream(
                "GET", address, headers={HEADER: workspace_of(grant.account_id)}
            ) as response:
                if response.status_code >= 400:
                    await response.aread()
                    raise error_of(response)
                name = _SAFE_NAME.sub("_", path.rpartition("/")[2]) or "file"
                await request.respond(
                    200,
                    {
                        "content-type": "application/octet-stream",
                        "content-disposition": f'attachment; filename="{name}"',
                    },
                    response.aiter_bytes(),
                )
