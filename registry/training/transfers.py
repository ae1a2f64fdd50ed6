"""Training's plain ASGI routes: a source as an archive, and a job's live log."""

import io
from typing import Any, ClassVar

from projects.doors import Grant
from projects.doors.asgi import AsgiRequest, ProjectApp
from projects.streams import FOLLOW_PARAMETER, FOLLOW_RESPONSE, FollowApp
from registry.training import log as job_log
from registry.training.launch import find_job, find_project
from registry.training.serializers import SourceSerializer
from registry.training.sources import ARCHIVE_LIMIT, add_archive


class ArchiveUpload(ProjectApp):
    """`PUT …/training-projects/{name}/archive`: a zip or tar of the project's folder becomes its next source.

    Read into memory (at most 32 MiB), so that it never lies in clear on a disk longer than it takes to check it.
    """

    actions: ClassVar[dict[str, str]] = {"PUT": "training.write"}
    documentation: ClassVar[dict[str, dict[str, Any]]] = {
        "PUT": {
            "operationId": "training_projects_archive",
            "summary": "Upload the project's folder as a zip, tar or tar.gz: its next source",
            "requestBody": {
                "required": True,
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            },
            "responses": {
                "201": {
                    "description": "The source",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Source"}}},
                }
            },
        }
    }

    async def handle(self, request: AsgiRequest, grant: Grant, **kwargs: str) -> None:
        archive = await request.read(ARCHIVE_LIMIT)

        def keep() -> dict[str, Any]:
            source = add_archive(grant, find_project(kwargs["name"]), io.BytesIO(archive))
            return dict(SourceSerializer(source).data)

        await request.respond_json(201, await self.in_scope(request, grant, keep))


class JobEvents(FollowApp):
    """`GET …/training-jobs/{number}/events`: a job's stage and its program's output as it comes."""

    actions: ClassVar[dict[str, str]] = {"GET": "training.read"}
    documentation: ClassVar[dict[str, dict[str, Any]]] = {
        "GET": {
            "operationId": "training_jobs_events",
            "summary": "Follow a job: server-sent events `log`, `state` and, last, `end`",
            "parameters": [FOLLOW_PARAMETER],
            "responses": FOLLOW_RESPONSE,
        }
    }

    def look(self, after: int, **kwargs: str) -> tuple[bool, dict[str, Any], list[tuple[int, str]]]:
        """The job's operation, and its log from byte `after` on."""
        job = find_job(int(kwargs["number"]))
        operation = job.operation
        text, following = job_log.read(job, after)
        state = {"state": operation.shown_state, "stage": operation.stage, "progress": operation.progress}
        return operation.finished, state, [(following, text)] if text else []
