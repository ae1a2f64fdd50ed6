"""SIGKILL of the worker, Redis, PostgreSQL, the agent and MLflow at random moments of training jobs; prints counts.

python benchmarks/faults.py                         # 20 kills each of the first three, 5 of the others
python benchmarks/faults.py --only postgres --kills 50 --seed 7
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.faults.storm import VICTIMS, Storm
from tests.loop.fixtures import make_team
from tests.loop.running import Portal, project_archive

KILLS = {"worker": 20, "redis": 20, "postgres": 20, "agent": 5, "mlflow": 5}


def say(text: str) -> None:
    """Print at once: a person is watching."""
    print(text, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill at random moments, count what became of the jobs.")
    parser.add_argument("--only", choices=list(VICTIMS), action="append", help="kill these alone")
    parser.add_argument("--kills", type=int, help="kills of each (default 20; agent and MLflow 5)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    victims = [
        victim
        for victim, count in KILLS.items()
        if not given.only or victim in given.only
        for _ in range(given.kills or count)
    ]
    random.Random(given.seed).shuffle(victims)
    home = Path(tempfile.mkdtemp(prefix="faults-", dir="/tmp"))
    portal = Portal(home)
    began = time.monotonic()
    try:
        portal.wait_until_ready()
        team = make_team(portal, "storm")
        team.scientist.post("training-projects", {"name": "loop"})
        team.scientist.put_bytes("training-projects/loop/archive", project_archive())
        storm = Storm(portal, team, given.seed, say)
        try:
            for victim in victims:
                storm.strike(victim)
        except KeyboardInterrupt:
            say("Interrupted: judging what there is.")
        storm.calm()
        verdicts = storm.verdicts()
    finally:
        portal.stop()
        shutil.rmtree(home, ignore_errors=True)
        portal.up.output.unlink(missing_ok=True)
    say(f"\nSeed {given.seed}, {time.monotonic() - began:.0f} s\n")
    say(storm.table(verdicts))
    return int(any(verdict.problems for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
