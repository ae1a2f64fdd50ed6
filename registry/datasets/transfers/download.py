"""Reading a file: whole or by Range, each read on record before its first byte leaves."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, ClassVar
from urllib.parse import quote, unquote

from accounts import audit
from accounts.errors import Unavailable
from accounts.problems import CONTENT_TYPE, problem
from projects.doors import Grant
from projects.doors.asgi import AsgiRequest, ClientGone, ProjectApp
from projects.permissions import Permission
from registry.blobs import BlobReader, Unsatisfiable, parse_range
from registry.datasets.find import find_file, find_version
from registry.datasets.profile.formats import media_type
from registry.datasets.sensitivity import GUARDED, REASON_HEADER, reason_for, require_access
from registry.datasets.transfers import described
from registry.datasets.transfers.errors import range_not_satisfiable
from registry.models import DatasetFile

_READ = "dataset.read"


@dataclass(frozen=True, slots=True)
class _Answer:
    """What will be sent: bytes from `start` up to, not including, `end`, of `file`, read by `reader`."""

    status: int
    file: DatasetFile
    start: int
    end: int
    reader: BlobReader | None = None


class FileDownload(ProjectApp):
    """A file's bytes, as stored: `pandas`, DuckDB and curl read it by its address with the usual header."""

    actions: ClassVar[dict[str, str]] = {"GET": Permission.DATASET_DOWNLOAD}
    records_reads = False  # `admit` does: a header or “not modified” is no download
    documentation: ClassVar[dict[str, dict[str, Any]]] = described.DOWNLOAD

    def admit(self, request: AsgiRequest, grant: Grant, **kwargs: str) -> None:
        file = find_file(find_version(grant, kwargs["name"], int(kwargs["number"])), kwargs["path"])
        dataset = file.version.dataset
        require_access(grant, dataset)
        answer = _decide(request, file)
        if answer.status in (200, 206) and request.method == "GET":
            reason = reason_for(grant, dataset, _reason_given(request))
            detail: dict[str, Any] = {"path": file.path, "sha256": file.sha256}
            if dataset.sensitivity in GUARDED:
                detail["sensitivity"] = dataset.sensitivity
            if reason:
                detail["reason"] = reason
            if answer.status == 206:
                detail["bytes"] = [answer.start, answer.end - 1]
            audit.record("dataset.download", file.version, detail=detail)
            try:
                answer = replace(answer, reader=BlobReader.open(file.blob))
            except Unavailable:
                find_version(
                    grant, kwargs["name"], int(kwargs["number"])
                )  # `Gone`, if it was deleted just now
                raise
        request.scope[_READ] = answer

    async def handle(self, request: AsgiRequest, grant: Grant, **kwargs: str) -> None:
        answer: _Answer = request.scope[_READ]
        file = answer.file
        headers = {"etag": _etag(file), "accept-ranges": "bytes", "cache-control": "private, no-cache"}
        if answer.status == 416:
            outside = {"content-range": f"bytes */{file.size}", "content-type": CONTENT_TYPE}
            document = problem(range_not_satisfiable(file.path, file.size), request_id=request.request_id)
            await request.respond(416, outside, json.dumps(document, ensure_ascii=False).encode())
            return
        if answer.status == 304:
            await request.start(304, headers)
            await request.end()
            return
        headers |= {
            "content-type": media_type(file.path),
            "content-length": str(answer.end - answer.start),
            "content-disposition": _disposition(PurePosixPath(file.path).name),
            "content-security-policy": "sandbox; default-src 'none'",
        }
        if answer.status == 206:
            headers["content-range"] = f"bytes {answer.start}-{answer.end - 1}/{file.size}"
        if answer.reader is None:
            await request.start(answer.status, headers)
            await request.end()
            return
        with answer.reader as reader:
            await request.respond(answer.status, headers, _pieces(request, reader, answer.start, answer.end))


def _reason_given(request: AsgiRequest) -> str:
    """The header (percent-encoded where it is not ASCII) or the query's parameter."""
    header = unquote(request.headers.get(REASON_HEADER, ""))
    return header or request.query.get("reason", "")


def _decide(request: AsgiRequest, file: DatasetFile) -> _Answer:
    """Conditional and range requests as RFC 9110, sections 13 and 14."""
    tag = _etag(file)
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return _Answer(304, file, 0, 0)
    asked = request.headers.get("range", "")
    if request.headers.get("if-range", tag).strip() != tag:
        asked = ""
    try:
        found = parse_range(asked, file.size) if asked else None
    except Unsatisfiable:
        return _Answer(416, file, 0, 0)
    if found is None:
        return _Answer(200, file, 0, file.size)
    return _Answer(206, file, *found)


def _disposition(name: str) -> str:
    """Save it, never show it; the plain name is for clients that do not read RFC 5987's."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"


def _etag(file: DatasetFile) -> str:
    return f'"{file.sha256}"'


async def _pieces(request: AsgiRequest, reader: BlobReader, start: int, end: int) -> AsyncIterator[bytes]:
    """Yield the content, opened in a thread; stop where the client has gone: nobody is left to read it."""
    gone = asyncio.create_task(_until_gone(request))
    try:
        pieces = reader.range(start, end)
        while not gone.done() and (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield piece
        if gone.done():
            raise ClientGone
    finally:
        gone.cancel()


async def _until_gone(request: AsgiRequest) -> None:
    """Return once the connection is closed; what a GET sends as a body is nobody's business."""
    with suppress(ClientGone):
        while True:
            async for _chunk in request.body():
                pass
