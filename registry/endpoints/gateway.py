"""The inference gateway: a prediction goes through the door, onto the record, and to the model's own socket."""

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

import httpx
from django.utils.translation import gettext as _

from accounts import audit
from accounts.errors import Conflict, PortalError, Unavailable
from clusters.local.sockets import invoke_socket
from clusters.models import Workload
from projects.doors import Grant
from projects.doors.asgi import AsgiRequest, ProjectApp
from registry.endpoints.actions import find_endpoint, workload_of
from registry.models import Endpoint, Revision

BODY_LIMIT = 32 << 20
ANSWER_LIMIT = 64 << 20
REFUSAL_LIMIT = 256 << 10
_TIMEOUT = httpx.Timeout(connect=3, read=120, write=60, pool=5)
_TYPES = ("application/json", "text/csv")


class ModelRefused(PortalError):
    """The model did not accept the input: wrong columns, wrong types, wrong form."""

    status = 422


class ModelBroke(PortalError):
    """The model itself failed on an input that it accepted."""

    status = 502


class UnsupportedInput(PortalError):
    """MLflow's scoring protocol takes JSON or CSV."""

    status = 415


def serving(name: str) -> tuple[Revision, Workload]:
    """Return what answers for an endpoint now.

    Raises `NotFound`, `Conflict` (nothing deployed, or stopped) or `Unavailable` (starting).
    """
    endpoint = find_endpoint(name)
    if endpoint.desired == Endpoint.Desired.STOPPED:
        raise Conflict("endpoint.stopped", _("“%(name)s” is stopped. Start it first.") % {"name": name})
    if endpoint.active is None:
        raise Conflict("endpoint.empty", _("“%(name)s” has no model that answers yet.") % {"name": name})
    workload = workload_of(endpoint.active)
    if workload is None or not workload.ready:
        raise Unavailable(
            "endpoint.starting",
            _("“%(name)s” is starting. Try again in a few seconds.") % {"name": name},
            retry_after=3,
        )
    endpoint.active.endpoint = endpoint
    return endpoint.active, workload


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model server answered: its body as it came, compressed or not."""

    status: int
    headers: dict[str, str]
    body: bytes


def _message(answer: Answer) -> str:
    """What the model server says of a refusal: MLflow's message, without its stack trace."""
    told: Any = {}
    # Whoever wrote the model wrote this too: parsing it must not hold up everybody else's requests.
    if len(answer.body) <= REFUSAL_LIMIT:
        with suppress(ValueError, RecursionError):
            told = json.loads(answer.body)
    text = str(told.get("message") or told.get("detail") or "") if isinstance(told, dict) else ""
    return " ".join(text.split())[:500]


class Invocations(ProjectApp):
    """`POST …/endpoints/{name}/invocations`, with MLflow's input formats."""

    actions: ClassVar[dict[str, str]] = {"POST": "endpoint.invoke"}
    documentation: ClassVar[dict[str, dict[str, Any]]] = {
        "POST": {
            "operationId": "endpoints_invoke",
            "summary": "Predict",
            "description": "MLflow's scoring protocol: JSON with one of `dataframe_split`, `dataframe_records`, "
            '`instances` or `inputs`, or CSV with a header. The answer is MLflow\'s: `{"predictions": […]}`.',
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {"schema": {"type": "object", "additionalProperties": True}},
                    "text/csv": {"schema": {"type": "string"}},
                },
            },
            "responses": {
                "200": {
                    "description": "Predictions",
                    "content": {
                        "application/json": {"schema": {"type": "object", "additionalProperties": True}}
                    },
                },
                "502": {
                    "description": "The model failed",
                    "content": {
                        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                    },
                },
                "503": {
                    "description": "The endpoint is starting",
                    "content": {
                        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                    },
                },
            },
        }
    }

    async def handle(self, request: AsgiRequest, grant: Grant, **kwargs: str) -> None:
        kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        if kind not in _TYPES:
            raise UnsupportedInput(
                "endpoint.content_type",
                _("Send application/json or text/csv, not %(type)s.") % {"type": kind[:80]},
            )
        body = await request.read(BODY_LIMIT)
        revision, workload = await self.in_scope(request, grant, self._admit, kwargs["name"], len(body))
        answer = await self._ask(workload, body, kind, kwargs["name"])
        if answer.status == 200:
            await request.respond(
                200,
                {
                    **answer.headers,
                    "x-portal-revision": str(revision.number),
                    # Stock clients may register any name, line breaks included.
                    "x-portal-model": quote(f"{revision.model_name}/{revision.model_version}"),
                },
                answer.body,
            )
            return
        error = self._refusal(answer)
        await self.in_scope(request, grant, self._record_failure, revision, error.code)
        request.failure_recorded = True
        raise error

    @staticmethod
    def _admit(name: str, size: int) -> tuple[Revision, Workload]:
        revision, workload = serving(name)
        audit.record(
            "endpoint.invoke",
            revision.endpoint,
            detail={
                "revision": revision.number,
                "model": f"{revision.model_name}/{revision.model_version}",
                "bytes": size,
            },
        )
        return revision, workload

    @staticmethod
    def _record_failure(revision: Revision, code: str) -> None:
        audit.record("endpoint.invoke", revision.endpoint, outcome="failed", detail={"error": code})

    @staticmethod
    async def _ask(workload: Workload, body: bytes, kind: str, name: str) -> Answer:
        try:
            with invoke_socket(workload) as socket:
                transport = httpx.AsyncHTTPTransport(uds=str(socket))
                async with (
                    httpx.AsyncClient(transport=transport, timeout=_TIMEOUT, trust_env=False) as client,
                    client.stream(
                        "POST",
                        "http://model/invocations",
                        content=body,
                        headers={"content-type": kind, "accept-encoding": "identity"},
                    ) as response,
                ):
                    content = bytearray()
                    # Never unpacked here: a few kilobytes can become gigabytes before they are counted.
                    async for piece in response.aiter_raw():
                        content += piece
                        if len(content) > ANSWER_LIMIT:
                            raise ModelBroke(
                                "endpoint.answer_too_large", _("The model's answer is too large.")
                            )
                    headers = {"content-type": "application/json"}
                    for header in ("content-type", "content-encoding"):
                        if (value := response.headers.get(header, "")) and value.isascii():
                            headers[header] = value
                    return Answer(response.status_code, headers, bytes(content))
        except httpx.TimeoutException:
            raise ModelBroke(
                "endpoint.timeout", _("“%(name)s” did not answer within two minutes.") % {"name": name}
            ) from None
        except httpx.TransportError:
            raise Unavailable(
                "endpoint.gone",
                _("“%(name)s” is being restarted. Try again in a few seconds.") % {"name": name},
                retry_after=3,
            ) from None

    @staticmethod
    def _refusal(answer: Answer) -> PortalError:
        told = _message(answer)
        if answer.status < 500:
            return ModelRefused(
                "endpoint.input_refused",
                _("The model did not take this input: %(why)s") % {"why": told or answer.status},
            )
        return ModelBroke(
            "endpoint.model_failed",
            _("The model failed on this input: %(why)s") % {"why": told or answer.status},
        )
