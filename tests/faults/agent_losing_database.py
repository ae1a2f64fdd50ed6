"""The agent of `tests/clusters/agent_process.py`, whose database is lost once, right after its first launch."""

import sys
from pathlib import Path
from runpy import run_path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))


def lose_once() -> None:
    """The first write of a new process's pid fails, as it does when PostgreSQL is killed just then."""
    from django.db import OperationalError

    from clusters.local.reconciler import Reconciler

    write, lost = Reconciler._write, []

    def losing(self: Reconciler, workload: Any, phase: Any, **values: Any) -> bool:
        if values.get("pid") and not lost:
            lost.append(workload)
            raise OperationalError("the connection is lost")
        return write(self, workload, phase, **values)

    Reconciler._write = losing  # type: ignore[method-assign]


if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    lose_once()
    run_path(str(ROOT / "tests" / "clusters" / "agent_process.py"), run_name="__main__")
