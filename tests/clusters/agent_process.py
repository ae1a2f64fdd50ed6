"""A real agent (`manage.py agent`) with the hooks of a test's owner type, in a process of its own."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

import django  # after the path

django.setup()

from django.core.management import call_command  # noqa: E402

from accounts.errors import Unprocessable  # noqa: E402
from clusters.local import agent  # noqa: E402
from clusters.local.hooks import Log  # noqa: E402
from clusters.models import Workload  # noqa: E402


def secrets(workload: Workload) -> dict[str, str]:
    return {"TOKEN": f"secret-of-{workload.pk}"}


def prepare(workload: Workload, folder: Path, log: Log) -> None:
    log("preparing")
    (folder / "given.txt").write_text("given\n")
    if workload.name == "refused":
        raise Unprocessable("test.refused", "The project has no entry point.")
    if workload.name == "broken":
        raise RuntimeError("a bug")


def changed(workload: Workload) -> None:
    with open(os.environ["CHANGES"], "a") as file:
        file.write(f"{workload.pk} {workload.phase}\n")


agent.register_secrets("test", secrets)
agent.prepare("test", prepare)
agent.on_change("test", changed)
call_command("agent")
