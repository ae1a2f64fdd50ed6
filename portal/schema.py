"""The OpenAPI document: what drf-spectacular finds, and the plain ASGI routes beside it."""

from importlib import import_module
from typing import Any

from django.utils.module_loading import module_has_submodule

from projects.doors.schema import add_problem, document_asgi, problem_responses

FLOORS = ("accounts", "projects", "clusters", "registry")
# What can be deleted for good while its name stays known: whoever asks for more than that is told so.
DELETABLE = "/api/v1/projects/{slug}/datasets/{name}"


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Post-processing hook: add the problem document, and every app's plain ASGI routes."""
    add_problem(result, generator, request, public)
    for name in FLOORS:
        if module_has_submodule(import_module(name), "asgi"):
            document_asgi(result, import_module(f"{name}.asgi").routes)
    for path, operations in result["paths"].items():
        if path.startswith(DELETABLE):
            for operation in operations.values():
                operation["responses"] |= problem_responses([410])
    result["paths"] = dict(sorted(result["paths"].items()))
    return result
