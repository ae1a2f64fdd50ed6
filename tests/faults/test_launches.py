"""A program is launched once, also where the database is lost between its launch and the note of it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusters.states import Phase
from tests.clusters.test_agent import World
from tests.engines.fixtures import CommittedDatabase


@pytest.fixture
def world(committed_database: CommittedDatabase, tmp_path: Path) -> Iterator[World]:
    world = World(committed_database, tmp_path)
    yield world
    world.close()


def test_a_database_lost_right_after_a_launch_makes_no_second_one(world: World) -> None:
    with open(world.output, "ab") as output:
        agent = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "agent_losing_database.py")],
            env=world.environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    world.agents.append(agent)
    job = world.python("import time; print('began'); time.sleep(4); print('ended')")
    done = world.ended(job)
    assert "the connection is lost" in world.output.read_text(), "the fault was not met"
    assert (done.phase, done.attempt) == (Phase.SUCCEEDED, 1)
    assert [line for line in world.log(job).splitlines() if line != "preparing"] == ["began", "ended"]
