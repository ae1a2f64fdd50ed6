"""Every operation of the API's own description, called with data that fits it and data that does not.

The answers must be described ones: no server error, a status, a content type and a body that the schema names.
Paths lead to real things as often as to made-up ones.
"""

import os
import re
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import (
    ChecksConfig,
    GenerationConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.loop.fixtures import MEASUREMENTS, Team, make_team
from tests.loop.running import Portal, project_archive, wait_for_job

EXAMPLES = int(os.environ.get("PORTAL_TEST_SCHEMA_EXAMPLES", "12"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
LEFT_OUT = {
    "member_role": "would take the caller's own role away; tests/identity changes roles",
    "member_remove": "would remove the caller from the project; tests/identity removes members",
    "platform_token_revoke": "would revoke the caller's own token; tests/identity revokes platform tokens",
    "token_revoke": "would revoke the caller's own token; tests/identity revokes tokens",
}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass
class World:
    """Values of path parameters that lead to something, by the parameter's name."""

    slug: str = ""
    real: dict[str, list[Any]] = field(default_factory=dict)


WORLD = World()
description = SchemaGenerator().get_schema(request=None, public=True)
generation = GenerationConfig(
    modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE],
    max_examples=EXAMPLES,
    with_security_parameters=False,
)
# A thing that was deleted is gone (410), whatever is asked of it.
refusals = ["400", "401", "403", "404", "405", "406", "409", "410", "413", "415", "422", "428", "429"]
checks = ChecksConfig.from_dict({"negative_data_rejection": {"expected-statuses": refusals}})
schema = schemathesis.openapi.from_dict(
    description,
    config=SchemathesisConfig(
        projects=ProjectsConfig(default=ProjectConfig(generation=generation, checks=checks))
    ),
).exclude(operation_id=list(LEFT_OUT))


@schema.hook
def flatmap_path_parameters(context: Any, parameters: Any) -> Any:
    """Always this project; of the other parameters, every other one leads to a real thing."""
    if not parameters:
        return st.just(parameters)
    choices = {"slug": st.just(WORLD.slug)}
    for name, made_up in parameters.items():
        if name == "id" and not _UUID.fullmatch(str(made_up)):
            choices[name] = st.just(made_up)  # made up to be wrong: a real one would rightly be taken
        elif name != "slug":
            choices[name] = st.sampled_from([made_up, *WORLD.real.get(name, [])])
    return st.fixed_dictionaries(choices)


@pytest.fixture(scope="module")
def world(portal: Portal) -> Team:
    """A team of its own, with one of everything that a path can name."""
    team = make_team(portal, "schema")
    for role in ("admin", "auditor"):
        portal.manage("createuser", f"schema-{role}", "--platform-role", role)
        made = portal.manage("createtoken", "--user", f"schema-{role}", "--platform")
        team.tokens[role] = str(made["token"])
    team.scientist.post("datasets", {"name": "wafers"})
    team.scientist.put_bytes("datasets/wafers/upload", MEASUREMENTS, path="wafers.csv")
    team.scientist.post("training-projects", {"name": "loop"})
    team.scientist.put_bytes("training-projects/loop/archive", project_archive())
    job = team.scientist.post(
        "training-jobs", {"project": "loop", "entry_point": "model", "register_as": "tiny"}
    )
    ended = wait_for_job(team.scientist, job["number"])
    assert ended["state"] == "succeeded", ended
    team.owner.post("endpoints", {"name": "idle"})
    WORLD.slug = team.slug
    WORLD.real = {
        "name": ["wafers", "loop", "tiny", "idle"],
        "number": [1, 2],
        "experiment_id": [int(ended["experiment_id"])],
        "run_id": [ended["run_id"]],
        "operation_id": [ended["operation"]],
        "id": [ended["operation"], team.owner.get("audit-events", page_size=1)["results"][0]["id"]],
        "path": ["wafers.csv"],
        "key": ["accuracy"],
        "alias": ["champion"],
    }
    return team


def _caller(path: str) -> str:
    """Who calls: the platform's addresses are not there for a project's owner."""
    if not path.startswith("/api/v1/platform/"):
        return "owner"
    audit = path.startswith("/api/v1/platform/audit") and "/audit-forwards" not in path
    return "auditor" if audit else "admin"


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_answers_are_as_described(case: schemathesis.Case, world: Team, portal: Portal) -> None:
    # Streams end when their thing has ended; a made-up wait must not hold the test up for its minute.
    if case.query and "wait" in case.query:
        case.query["wait"] = 0
    if case.path.endswith("/audit-log/events"):
        case.query = {"seconds": 0, **{k: v for k, v in (case.query or {}).items() if k != "seconds"}}
    case.call_and_validate(
        base_url=portal.url,
        headers={"Authorization": f"Bearer {world.tokens[_caller(case.path)]}"},
        checks=CHECKS,
        timeout=120,
    )


def test_what_is_left_out_is_there(world: Team) -> None:
    """A name that is left out and no longer exists would hide a new operation of another name."""
    known = {
        operation["operationId"]
        for path in description["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict) and "operationId" in operation
    }
    assert set(LEFT_OUT) <= known
