"""The portal's own processes, as `manage.py` commands; in production each of them is a unit of its own."""

import os
import sys
from pathlib import Path

from portal.engines.processes import Program
from portal.locations import Locations

CODE = Path(__file__).resolve().parent.parent.parent
ENGINES, TRACKING, PORTAL, CLOCK = 0, 1, 2, 3  # stages: the last ends first


def base_environment(home: Path) -> dict[str, str]:
    """Our own environment, made fit for a child: one home, whatever its working folder, and small heaps."""
    environment = {name: value for name, value in os.environ.items() if name != "PORTAL_DATABASE_ROLE"}
    return environment | {
        "PORTAL_HOME": str(home),
        "PYTHONUNBUFFERED": "1",
        # Otherwise every thread that allocates at the same time as another grows a heap of its own.
        "MALLOC_ARENA_MAX": "2",
    }


def manage(*arguments: str) -> tuple[str, ...]:
    """A command line of manage.py."""
    return (sys.executable, str(CODE / "manage.py"), *arguments)


def portal_programs(places: Locations, listener: int, gate: int, web_workers: int) -> list[Program]:
    """Web processes first: people wait for them; MLflow takes seconds. `gate` is what the web waits behind."""
    environment = base_environment(places.home)
    web = environment | {"PROMETHEUS_MULTIPROC_DIR": str(places.metrics)}
    programs = [
        Program(
            name=f"web-{number}",
            command=manage("web", "--fd", str(listener), "--gate", str(gate)),
            environment=web,
            stage=PORTAL,
            folder=CODE,
            descriptors=(listener, gate),
        )
        for number in range(1, web_workers + 1)
    ]
    return [
        *programs,
        Program("mlflow", manage("mlflow"), environment, stage=TRACKING, folder=CODE, patience=12.0),
        Program("worker", manage("worker"), environment, stage=PORTAL, folder=CODE, patience=10.0),
        Program("agent", manage("agent"), environment, stage=PORTAL, folder=CODE, patience=20.0),
        Program("beat", manage("beat"), environment, stage=CLOCK, folder=CODE, patience=3.0),
    ]
