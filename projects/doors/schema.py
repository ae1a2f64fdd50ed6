"""What OpenAPI says about everything behind the doors: who may call, which parameters, which problems come back."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.fields import empty

from accounts.problems import CONTENT_TYPE, TITLES
from projects.doors.strict import IDEMPOTENCY_HEADER, StrictSerializer

F = TypeVar("F", bound=Callable[..., Any])

PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `code` is stable: match on it. `detail` is for people, in their language.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "examples": ["project.not_found"]},
        "detail": {"type": "string"},
        "errors": {
            "type": "object",
            "description": "Sentences for each wrong field or parameter.",
            "additionalProperties": True,
        },
        "permission": {"type": "string", "description": "The permission that is missing (403)."},
        "retry_after": {"type": "number", "description": "Seconds (429, 503)."},
        "request_id": {"type": "string"},
    },
    "required": ["type", "title", "status", "code", "detail"],
}
SECURITY: list[dict[str, list[str]]] = [{"token": []}, {"session": []}]
_READ_PROBLEMS = (400, 401, 403, 404)
_WRITE_PROBLEMS = (*_READ_PROBLEMS, 409, 413, 415, 422)

IDEMPOTENCY_PARAMETER = OpenApiParameter(
    IDEMPOTENCY_HEADER,
    str,
    OpenApiParameter.HEADER,
    description="The same key from the same caller gives the same answer, once.",
)


def problem_responses(statuses: Iterable[int]) -> dict[str, Any]:
    """Return OpenAPI response objects for problem documents."""
    return {
        str(status): {
            "description": TITLES[status],
            "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def documented(
    *,
    operation_id: str,
    summary: str,
    request: Any = empty,
    responses: Any = empty,
    parameters: list[Any] | None = None,
) -> Callable[[F], F]:
    """drf-spectacular's `extend_schema` with the parts that are used here, and its type."""
    decorator: Callable[[F], F] = extend_schema(
        operation_id=operation_id,
        summary=summary,
        request=request,
        responses=responses,
        parameters=parameters,
    )
    return decorator


class PortalSchema(AutoSchema):  # type: ignore[misc]
    """Adds to drf-spectacular what the doors do for every address."""

    def get_tags(self) -> list[str]:
        """Group by the first word after the project."""
        words = [word for word in self.path.removeprefix("/api/v1/").split("/") if "{" not in word]
        return [words[1] if words[0] == "projects" and len(words) > 1 else words[0]]

    def get_auth(self) -> list[dict[str, Any]]:
        """Either of the two schemes will do."""
        return SECURITY if super().get_auth() else []

    def get_override_parameters(self) -> list[Any]:
        """Document the query parameters that the viewset declares for this action."""
        declared = getattr(self.view, "queries", None) or {}
        found = declared.get(getattr(self.view, "action", ""))
        return [found] if found is not None else []

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        statuses = _READ_PROBLEMS if self.method == "GET" else _WRITE_PROBLEMS
        return {**problem_responses(statuses), **bodies}

    def _map_basic_serializer(self, serializer: Any, direction: str) -> dict[str, Any]:
        schema: dict[str, Any] = super()._map_basic_serializer(serializer, direction)
        if direction == "request" and isinstance(serializer, StrictSerializer):
            schema["additionalProperties"] = False
        return schema


class PortalAuthenticationScheme(OpenApiAuthenticationExtension):  # type: ignore[misc]
    """Tokens by header; the browser's session by cookie, with the CSRF header on unsafe methods."""

    target_class = "projects.doors.api.PortalAuthentication"
    name = ["token", "session"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        """Describe both schemes."""
        return [
            {"type": "http", "scheme": "bearer", "description": "An API token: `mlp_…`"},
            {
                "type": "apiKey",
                "in": "cookie",
                "name": settings.SESSION_COOKIE_NAME,
                "description": "The browser's session",
            },
        ]


def path_of(pattern: str) -> str:
    """Turn a plain ASGI route's regular expression into an OpenAPI path template: each named group is a parameter."""
    template, index = "", 0
    for group in re.finditer(r"\(\?P<(\w+)>", pattern):
        if group.start() < index:
            continue
        template += pattern[index : group.start()] + f"{{{group[1]}}}"
        index, depth = group.end(), 1
        while depth:
            depth += {"(": 1, ")": -1}.get(pattern[index], 0)
            index += 1
    return (template + pattern[index:]).strip("^$").replace("\\", "")


def document_asgi(schema: dict[str, Any], routes: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Add the plain ASGI routes that describe themselves (`ProjectApp.documentation`) to an OpenAPI document.

    `documentation` maps a method to an OpenAPI operation object; path parameters, problems, security and tags are
    added here.
    """
    for pattern, application in routes:
        described: Mapping[str, Mapping[str, Any]] = getattr(application, "documentation", {})
        if not described:
            continue
        path = path_of(pattern)
        names = re.findall(r"{(\w+)}", path)
        entry = schema["paths"].setdefault(path, {})
        for method, operation in described.items():
            statuses = _READ_PROBLEMS if method == "GET" else _WRITE_PROBLEMS
            problems = problem_responses((*statuses, 429))
            own = [
                {"in": "path", "name": name, "required": True, "schema": {"type": "string"}}
                for name in names
                if name not in {p["name"] for p in operation.get("parameters", [])}
            ]
            entry[method.lower()] = {
                "tags": [path.removeprefix("/api/v1/projects/{slug}/").split("/")[0]],
                "security": SECURITY,
                **operation,
                "parameters": [*own, *operation.get("parameters", [])],
                "responses": {**problems, **operation["responses"]},
            }
    return schema


def add_problem(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """drf-spectacular's post-processing hook: the schema that every problem response refers to."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    return result


__all__ = [
    "IDEMPOTENCY_PARAMETER",
    "PROBLEM",
    "PortalSchema",
    "add_problem",
    "document_asgi",
    "documented",
    "problem_responses",
]
