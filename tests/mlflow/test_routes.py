"""The table of allowed routes, against MLflow's own."""

import json
import os
import subprocess
import sys

import pytest

from projects.permissions import Permission
from registry.mlflow.routes import Bound, Kind, every_route, match

LIST = """
import json
from mlflow.server import app
methods = ("GET", "POST", "PUT", "PATCH", "DELETE")
print(json.dumps([f"{m} {r.rule}" for r in app.url_map.iter_rules() for m in r.methods if m in methods]))
"""


def test_every_allowed_route_exists_in_mlflow() -> None:
    environment = {**os.environ, "MLFLOW_ENABLE_WORKSPACES": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [sys.executable, "-W", "ignore", "-c", LIST]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd="/tmp")
    rules = json.loads(done.stdout.splitlines()[-1])
    served = {
        _shape(rule.replace("<path:artifact_path>", "{}").replace("<", "{").replace(">", "}"))
        for rule in rules
    }
    missing = {call for call in every_route() if _shape(call) not in served}
    assert not missing


def _shape(call: str) -> str:
    """A route without the names of its variables."""
    return "/".join("{}" if part.startswith("{") else part for part in call.split("/"))


def test_changes_name_their_event_and_reads_are_open_to_jobs() -> None:
    for call, route in every_route().items():
        assert route.permission in set(Permission), call
        assert (route.kind is Kind.CHANGE) <= bool(route.action), call
        if route.kind in (Kind.READ, Kind.DOWNLOAD):
            assert route.bound is Bound.ANY, call
            assert route.permission.endswith(".read"), call
        elif route.kind is not Kind.UNSUPPORTED:
            assert route.bound is not Bound.ANY, call
            assert route.permission.endswith(".write"), call


@pytest.mark.parametrize(
    "call",
    [
        "GET /api/2.0/mlflow/nothing",
        "DELETE /api/2.0/mlflow/runs/get",
        "GET /api/2.0/mlflow/runs/get/",
        "GET /",
        "GET ",
    ],
)
def test_what_is_not_listed_is_not_there(call: str) -> None:
    method, _space, path = call.partition(" ")
    assert match(method, path) is None


def test_ids_in_paths_are_plain() -> None:
    assert match("GET", "/api/2.0/mlflow/logged-models/m-0123456789abcdef") is not None
    for odd in ("..", "a b", "a\nb", "%2e", "a;b", ""):
        assert match("GET", f"/api/2.0/mlflow/logged-models/{odd}") is None


def test_every_change_to_the_registry_says_what_it_does_to_aliases() -> None:
    """A new way to move or lose an alias must not pass by the protected ones."""
    harmless = {"model.create", "model.update", "model.tag", "model.version", "model.stage"}
    for call, route in every_route().items():
        if route.permission == Permission.MODEL_WRITE:
            assert (route.drops is None) == (route.action in harmless), call
