"""The gateway: stock MLflow clients reach their project's workspace through the portal, and only through it.

`MLFLOW_TRACKING_URI=https://portal/api/v1/projects/{slug}/mlflow` with `MLFLOW_TRACKING_TOKEN=mlp_…`. For
each call: the door resolves token and tenant; `routes` says whether it exists here and what it needs;
`guards` and `ownership` look at what it names; it is recorded; then it is sent on with the account's
workspace, whatever the client claimed. Bodies and files stream both ways in constant memory; JSON is read
whole, up to a limit, because it is looked at.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import httpx
from django.db import DatabaseError
from django.utils.translation import gettext as _

from accounts.errors import Forbidden, Invalid, NotFound, PortalError, Unavailable
from projects.doors.asgi import AsgiRequest, ProjectApp
from projects.doors.grant import Grant
from registry.mlflow import artifacts, calls, protection, records
from registry.mlflow.failures import message_of, starting
from registry.mlflow.routes import FILES, READ, Kind, Match, match
from registry.mlflow.transport import async_client, ensure_workspace_async
from registry.mlflow.workspaces import HEADER, known

JSON_LIMIT = (
    16 * 1024 * 1024
)  # bytes; MLflow's own limit for a batch is 1 MB, a data set's schema may be larger
_ERROR_LIMIT = 64 * 1024
_QUERY_LIMIT = 32 * 1024
# Encoded separators, dots and NULs: they could mean another path to MLflow than to the portal.
_HIDDEN = re.compile(rb"%(?:2e|2f|5c|00|25|3f|23)", re.IGNORECASE)
_REQUEST_HEADERS = ("range", "if-range", "if-none-match", "if-modified-since")
_RESPONSE_HEADERS = (
    "content-type",
    "content-length",
    "content-range",
    "content-disposition",
    "accept-ranges",
    "etag",
    "last-modified",
)
_PATH_PARAMETERS = ("path", "artifact_directory_path")
_ERROR_CODES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    409: "RESOURCE_CONFLICT",
    429: "REQUEST_LIMIT_EXCEEDED",
    501: "NOT_IMPLEMENTED",
    503: "TEMPORARILY_UNAVAILABLE",
}


class NotSupported(PortalError):
    """A transfer that this server does not offer; clients fall back to plain streaming."""

    status = 501


class WrongEncoding(PortalError):
    """A compressed body, which MLflow would store as it is."""

    status = 415


@dataclass(slots=True)
class Call:
    """One call on its way to MLflow."""

    match: Match
    method: str
    path: str
    workspace: str
    query: list[tuple[str, str]] = field(default_factory=list)
    body: dict[str, Any] | None = None
    raw: bytes = b""
    target: str = ""

    @property
    def url(self) -> str:
        """The address at MLflow, encoded anew from what was checked."""
        address = quote(self.path, safe="/:@=._~-")
        return f"{address}?{urlencode(self.query)}" if self.query else address


class MlflowGateway(ProjectApp):
    """MLflow's REST API of one project."""

    via = "gateway"
    # By kind of call, and before anything happens: see `records`.
    records_reads = False

    def permission(self, request: AsgiRequest, **kwargs: str) -> str:
        found = match(request.method, f"/{kwargs['path']}")
        # A call that does not exist here still goes through the door, which records who tried it.
        return found.route.permission if found else READ

    def changes(self, request: AsgiRequest, **kwargs: str) -> bool:
        found = match(request.method, f"/{kwargs['path']}")
        return found is not None and found.route.kind in (Kind.CHANGE, Kind.LOG, Kind.UPLOAD)

    def admit(self, request: AsgiRequest, grant: Grant, **kwargs: str) -> None:
        # The client that sends the call on resolves dots: a call would become another one than was looked at.
        dotted = any(part in ("", ".", "..") for part in kwargs["path"].split("/"))
        if dotted or _HIDDEN.search(request.raw_path) or len(request.query_string) > _QUERY_LIMIT:
            raise artifacts.bad_path()
        if match(request.method, f"/{kwargs['path']}") is None:
            raise NotFound(
                "mlflow.no_route",
                _("The portal does not offer %(method)s /%(path)s of MLflow.")
                % {"method": request.method, "path": kwargs["path"][:200]},
            )

    async def handle(self, request: AsgiRequest, grant: Grant, **kwargs: str) -> None:
        found = match(request.method, f"/{kwargs['path']}")
        assert found is not None
        if found.route.kind is Kind.UNSUPPORTED:
            raise NotSupported(
                "mlflow.unsupported", _("Multipart and presigned transfers are not offered: stream the file.")
            )
        call = Call(
            found, request.method, f"/{kwargs['path']}", await ensure_workspace_async(grant.account_id)
        )
        try:
            await self._prepare(request, grant, call)
        except (Forbidden, NotFound, Invalid) as error:
            await self._record(request, grant, call, "denied", {"error": error.code})
            raise
        if found.route.kind is not Kind.DOWNLOAD:
            await self._record(request, grant, call, "ok", {})
        await self._forward(request, grant, call)

    async def _prepare(self, request: AsgiRequest, grant: Grant, call: Call) -> None:
        """Check everything that the call names; raises before anything reaches MLflow."""
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise WrongEncoding("request.encoding", _("Send the body uncompressed."))
        kind = call.match.route.kind
        if "path" in call.match.variables:
            place = artifacts.place_of(call.match.variables["path"], call.workspace)
            if kind is not Kind.DOWNLOAD and not place.inside:
                raise artifacts.bad_path()
            call.path = f"{FILES}/artifacts/{place.path}"
            # Uploads are recorded once per run or model: a model alone is a dozen files.
            call.target = place.owner if kind is Kind.UPLOAD else place.inside
        elif request.method == "GET":
            call.query = self._query(request, call)
        else:
            call.raw = await request.read(JSON_LIMIT)
            call.body = _parsed(call.raw)
        await calls.check(grant, call)
        if "path" in call.match.variables and kind is not Kind.DOWNLOAD:
            path = call.path.removeprefix(f"{FILES}/artifacts/")
            await self.in_scope(request, grant, protection.require_loose, grant, path)
        if call.match.route.drops is not None:
            touched = await protection.touched_by(grant, call.match.route.drops, call.body or {})
            await self.in_scope(request, grant, protection.require_free, grant, touched)
        if kind is Kind.READ:
            call.target = grant.slug

    def _query(self, request: AsgiRequest, call: Call) -> list[tuple[str, str]]:
        try:
            pairs = parse_qsl(request.query_string.decode(), keep_blank_values=True, max_num_fields=1000)
        except ValueError:
            raise Invalid("request.query", _("The query does not parse."), errors={}) from None
        checked = []
        for name, value in pairs:
            if name in _PATH_PARAMETERS and value:
                value = artifacts.checked(value.rstrip("/"))  # noqa: PLW2901  # MLflow's client sends “model/” too
                if call.path == f"{FILES}/artifacts":
                    value = artifacts.place_of(value, call.workspace).path  # noqa: PLW2901
            checked.append((name, value))
        return checked

    async def _record(
        self, request: AsgiRequest, grant: Grant, call: Call, outcome: str, detail: dict[str, Any]
    ) -> None:
        """Write the call to the audit log, committed; raises `Unavailable` where that fails: then nothing
        happens.
        """
        facts = {"call": f"{call.method} {call.path}"[:300], **detail}
        if call.match.route.kind is Kind.READ and outcome == "ok":
            about = records.thing_of(call.match, call.target)
            await self.record_read(request, grant, records.action_of(call.match), about, facts)
            return
        every_time = call.match.route.kind in (Kind.CHANGE, Kind.DOWNLOAD) and outcome == "ok"
        key = records.key_of(grant, call.match, call.target)
        request.failure_recorded |= outcome != "ok"
        if outcome != "ok":
            key = (*key, outcome, call.path)
        if not every_time and key in records.recent:
            return
        try:
            await self.in_scope(request, grant, records.write, call.match, call.target, outcome, facts)
        except DatabaseError as error:
            raise Unavailable(
                "audit.unavailable", _("The audit log cannot be written to, so this was not done.")
            ) from error
        if not every_time:
            records.recent.add(key)

    async def _forward(self, request: AsgiRequest, grant: Grant, call: Call) -> None:
        headers = {HEADER: call.workspace, "Accept-Encoding": "identity", "User-Agent": "portal"}
        headers |= {name: request.headers[name] for name in _REQUEST_HEADERS if name in request.headers}
        content: bytes | AsyncIterator[bytes] | None = None
        if call.match.route.kind is Kind.UPLOAD:
            content = request.body()
            if request.content_length is not None:
                headers["Content-Length"] = str(request.content_length)
        elif call.body is not None:
            content = call.raw
            headers["Content-Type"] = "application/json"
        sent = async_client().build_request(call.method, call.url, headers=headers, content=content)
        try:
            response = await async_client().send(sent, stream=True)
        except (httpx.TransportError, httpx.StreamError) as error:
            await self._failed(request, grant, call, 503)
            raise starting() from error
        try:
            await self._answer(request, grant, call, response)
        finally:
            await response.aclose()

    async def _answer(self, request: AsgiRequest, grant: Grant, call: Call, response: httpx.Response) -> None:
        status = response.status_code
        if status >= 400:
            await self._answer_error(request, grant, call, response)
            return
        if call.match.route.kind is Kind.DOWNLOAD:
            size = response.headers.get("content-length", "")
            await self._record(request, grant, call, "ok", {"bytes": int(size)} if size.isdigit() else {})
        headers = {name: response.headers[name] for name in _RESPONSE_HEADERS if name in response.headers}
        await request.respond(status, {**headers, "cache-control": "private, no-store"}, response.aiter_raw())

    async def _answer_error(
        self, request: AsgiRequest, grant: Grant, call: Call, response: httpx.Response
    ) -> None:
        raw = bytearray()
        async for chunk in response.aiter_raw():
            raw += chunk
            if len(raw) > _ERROR_LIMIT:
                break
        try:
            document = json.loads(raw)
        except ValueError:
            document = None
        if response.status_code == 404 and f"Workspace '{call.workspace}' not found".encode() in raw:
            known.discard(call.workspace)
            raise starting()
        await self._failed(request, grant, call, response.status_code)
        code, message = message_of(response.status_code, document)
        await request.respond_json(response.status_code, {"error_code": code, "message": message})

    async def _failed(self, request: AsgiRequest, grant: Grant, call: Call, status: int) -> None:
        """Record that a change, a write or a download came to nothing; clients look for missing things all
        the time.
        """
        if call.match.route.kind is not Kind.READ:
            await self._record(request, grant, call, "failed", {"status": status})

    async def _refuse(self, request: AsgiRequest, error: PortalError) -> None:
        """Answer as MLflow does, so that its clients show the sentence."""
        if request.started:
            await super()._refuse(request, error)
        headers: Mapping[str, str] = {}
        if retry := error.data.get("retry_after"):
            headers = {"retry-after": str(retry)}
        code = _ERROR_CODES.get(
            error.status, "INVALID_PARAMETER_VALUE" if error.status < 500 else "INTERNAL_ERROR"
        )
        document = {"error_code": code, "message": str(error.detail), "code": error.code}
        await request.respond_json(error.status, document, headers)


def _parsed(raw: bytes) -> dict[str, Any]:
    """Parse a body exactly as MLflow does, but accept an object only."""
    try:
        body = json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        raise Invalid("request.json", _("The body is not valid JSON."), errors={}) from None
    if not isinstance(body, dict):
        raise Invalid("request.json", _("The body must be a JSON object."), errors={})
    return body
