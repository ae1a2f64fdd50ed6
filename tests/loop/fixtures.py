"""One whole portal for all tests of the loop, with people, accounts and tokens made by the operator's commands."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from examples.portal_client import Document, Project
from tests.loop.running import Portal, project_archive, wait_for_job

MEASUREMENTS = b"x,y,value\n" + b"".join(b"%d,%d,%d.5\n" % (n % 10, n // 10, n) for n in range(100))


@dataclass
class Team:
    """A general account with its people, and the API as each of them."""

    slug: str
    owner: Project
    scientist: Project
    viewer: Project
    tokens: dict[str, str]
    passwords: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="session")
def portal() -> Iterator[Portal]:
    """Everything that `manage.py up` starts, ready, in a home of its own."""
    home = Path(tempfile.mkdtemp(prefix="loop-", dir="/tmp"))
    running = Portal(home)
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop()
        shutil.rmtree(home, ignore_errors=True)
        running.up.output.unlink(missing_ok=True)


def make_team(portal: Portal, name: str) -> Team:
    """Three people and a general account; the owner invites the others through the API."""
    people = {role: f"{name}-{role}" for role in ("owner", "scientist", "viewer")}
    passwords = {
        username: portal.manage("createuser", username, "--name", username.title())["one_time_password"]
        for username in people.values()
    }
    slug = portal.manage("createaccount", name.title(), "--kind", "general", "--owner", people["owner"])[
        "project"
    ]
    tokens = {"owner": portal.token(people["owner"], slug)}
    owner = portal.client(slug, tokens["owner"])
    for role in ("scientist", "viewer"):
        owner.post("members", {"username": people[role], "role": role})
        tokens[role] = portal.token(people[role], slug)
    clients = {role: portal.client(slug, token) for role, token in tokens.items()}
    return Team(slug, clients["owner"], clients["scientist"], clients["viewer"], tokens, passwords)


@pytest.fixture(scope="session")
def team(portal: Portal) -> Team:
    """The team that most tests work as, with a dataset and a training project."""
    team = make_team(portal, "etch")
    team.scientist.post("datasets", {"name": "wafers", "description": "A hundred measurements."})
    team.scientist.put_bytes("datasets/wafers/upload", MEASUREMENTS, path="wafers.csv")
    team.scientist.post("training-projects", {"name": "loop"})
    team.scientist.put_bytes("training-projects/loop/archive", project_archive())
    return team


@pytest.fixture(scope="session")
def other_team(portal: Portal) -> Team:
    """Strangers."""
    return make_team(portal, "litho")


@pytest.fixture(scope="session")
def tiny_model(team: Team) -> Document:
    """A small model, trained by a job and registered as `tiny`, version 1."""
    asked = {"project": "loop", "entry_point": "model", "register_as": "tiny"}
    job = team.scientist.post("training-jobs", asked)
    ended = wait_for_job(team.scientist, job["number"])
    assert ended["state"] == "succeeded", ended
    return dict(ended)
