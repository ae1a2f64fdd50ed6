"""Every place of a request in which an id or a name can stand, read off the portal's own OpenAPI document."""

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator

_DEEPEST = 4


@dataclass(frozen=True)
class Place:
    """One place: `where` is query or body; `path` leads to it from the top of the body, or is the parameter's name."""

    where: str
    path: tuple[str | int, ...]
    number: bool = False


@dataclass(frozen=True)
class Operation:
    """One operation of the document, and the places in it."""

    template: str  # with every path parameter as {}
    method: str
    places: tuple[Place, ...]
    body: Any


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for word in ("oneOf", "anyOf", "allOf"):
        if word in schema:
            return _resolved(schema[word][0])
    return schema


def _kind(schema: dict[str, Any]) -> str:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    return next(k for k in kind if k != "null") if isinstance(kind, list) else str(kind)


def sample(schema: dict[str, Any], depth: int = 0) -> Any:
    """A small value that fits: required fields only."""
    schema = _resolved(schema)
    if schema.get("enum"):
        return next(value for value in schema["enum"] if value)
    kind = _kind(schema)
    if kind == "object":
        wanted = schema.get("required", ()) if depth < _DEEPEST else ()
        return {name: sample(schema["properties"][name], depth + 1) for name in wanted}
    if kind == "array":
        return [sample(schema.get("items", {}), depth + 1)] if depth < _DEEPEST else []
    plain = {"integer": max(1, schema.get("minimum", 1)), "number": 1, "boolean": False}
    return plain.get(kind, "x" * max(1, schema.get("minLength", 1)))


def _places(schema: dict[str, Any], path: tuple[str | int, ...] = ()) -> Iterator[Place]:
    schema = _resolved(schema)
    kind = _kind(schema)
    if kind == "object" and len(path) < _DEEPEST:
        for name, inner in schema.get("properties", {}).items():
            if not inner.get("readOnly"):
                yield from _places(inner, (*path, name))
    elif kind == "array" and len(path) < _DEEPEST:
        yield from _places(schema.get("items", {}), (*path, 0))
    elif kind in ("string", "integer") and not schema.get("enum"):
        yield Place("body", path, kind == "integer")


def put(body: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """A copy of a body with a value at a place, made where it was not."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        return [put(body[0] if isinstance(body, list) and body else None, rest, value)]
    changed = deepcopy(body) if isinstance(body, dict) else {}
    changed[step] = put(changed.get(step), rest, value)
    return changed


def plain(template: str) -> str:
    """A path without the names of its parameters: the URLconf and the document call some differently."""
    return re.sub(r"<[^>]+>|{[^}]+}", "{}", template)


@cache
def operations() -> dict[tuple[str, str], Operation]:
    """All operations inside a project, by (path, method)."""
    found = {}
    for path, methods in document()["paths"].items():
        if not path.startswith("/api/v1/projects/{slug}"):
            continue
        for method, described in methods.items():
            if not isinstance(described, dict) or "responses" not in described:
                continue
            places = [
                Place("query", (parameter["name"],), _kind(parameter.get("schema", {})) != "string")
                for parameter in described.get("parameters", ())
                if parameter["in"] == "query"
            ]
            content = described.get("requestBody", {}).get("content", {}).get("application/json", {})
            schema = content.get("schema", {})
            places += _places(schema) if schema else ()
            key = (plain(path), method.upper())
            found[key] = Operation(key[0], key[1], tuple(places), sample(schema) if schema else None)
    return found
