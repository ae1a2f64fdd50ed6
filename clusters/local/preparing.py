"""Everything before the first instruction of a workload: its files, its environment, its spec. Runs in a
thread of its own.
"""

import json
import os
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import connection

from accounts.errors import PortalError
from clusters.local import environments, hooks, launcher, requirements
from clusters.local.folders import folder_of, state_root
from clusters.local.isolation import Isolation
from clusters.local.spec import WorkloadSpec
from clusters.models import Workload
from clusters.plans import Plan

log = structlog.get_logger(__name__)

PREPARED = "prepared.json"
"""Written last, beside and not inside the working folder: what a workload needs, decided before it could
change its files.
"""


@dataclass
class Preparation:
    """One thread that prepares one workload; `done` says it has ended, then `failure` why it could not, if
    so.
    """

    workload: Workload
    uid: int | None
    wake: Callable[[], None]
    failure: str = ""
    final: bool = False
    done: bool = False
    _cancelled: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"prepare-{self.workload.pk}", daemon=True).start()

    def cancel(self) -> None:
        self._cancelled.set()

    def _run(self) -> None:
        try:
            prepare_folder(self.workload, self.uid, self._cancelled.is_set)
        except environments.Cancelled:
            self.failure = "cancelled"
        except PortalError as error:
            self.failure, self.final = str(error), error.status < 500
        except (
            Exception
        ) as error:  # the boundary to registered code: told to people, and to operators with its traceback
            log.exception("workload.prepare_failed", workload=str(self.workload.pk))
            self.failure = type(error).__name__
        finally:
            connection.close()
            self.done = True
            self.wake()


def prepare_folder(workload: Workload, uid: int | None, cancelled: Callable[[], bool]) -> None:
    """Fill the working folder and build the environment, unless that was done before. Idempotent after a
    kill.
    """
    folder = folder_of(workload.pk)
    launcher.make_folders(str(folder), uid)
    if (folder / PREPARED).exists():
        return
    files = folder / "files"
    remove_tree(files)
    launcher.make_folders(str(folder), uid)

    def say(line: str) -> None:
        with open(folder / "log", "ab") as file:
            file.write(line.rstrip("\n").encode() + b"\n")

    function = hooks.prepare_of(workload)
    if function is not None:
        function(workload, files, say)
    if cancelled():
        raise environments.Cancelled
    plan = Plan.from_json(workload.plan)
    read_only: tuple[str, ...] = plan.read_only
    variables: dict[str, str] = {}
    if plan.environment is not None:
        wanted = requirements.environment(plan.environment.python, list(plan.environment.requirements))
        built = environments.prepare(state_root(), wanted, say, cancelled)
        read_only += built.read_only
        variables = {
            "VIRTUAL_ENV": str(built.folder),
            "PATH": f"{built.folder}/bin:/usr/local/bin:/usr/bin:/bin",
        }
    launcher.give_files(str(folder), uid)
    draft = folder / f"{PREPARED}.new"
    draft.write_text(json.dumps({"read_only": read_only, "variables": variables}), "utf-8")
    os.replace(draft, folder / PREPARED)


def make_spec(workload: Workload, uid: int | None, isolation: Isolation) -> WorkloadSpec:
    """The spec of a prepared workload with its secrets, which exist from here to the shim's memory and
    nowhere else.
    """
    folder = folder_of(workload.pk)
    plan = Plan.from_json(workload.plan)
    limits = plan.resolved_limits(workload.kind)
    prepared: dict[str, Any] = json.loads((folder / PREPARED).read_text("utf-8"))
    walled = isolation.level in ("namespace", "namespace-uid")
    threads = str(limits.cpus)
    variables = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder / "files"),
        "USER": "job",
        "LOGNAME": "job",
        "TMPDIR": "/tmp" if walled else str(folder / "tmp"),  # noqa: S108 - private to the workload
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONUNBUFFERED": "1",
        **dict.fromkeys(
            ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT"), threads
        ),
        **prepared["variables"],
        **plan.env,
        **hooks.secrets_of(workload),
        "PORTAL_WORKLOAD": str(workload.pk),
    }
    return WorkloadSpec(
        id=workload.pk.hex,
        account=str(workload.account_id),
        kind="job" if workload.kind == "job" else "service",
        argv=plan.argv,
        folder=str(folder),
        env=variables,
        read_only=tuple(prepared["read_only"]),
        hidden=tuple(str(path) for path in (settings.HOME, settings.RUN, settings.BLOB_ROOT)),
        limits=limits,
        level=isolation.level,
        uid=uid,
        attempt=workload.attempt,
        heartbeat=str(state_root() / "heartbeat"),
    )


def remove_tree(path: Path) -> None:
    """Delete a folder that a workload could write to, also where it took away its own rights.

    By the system's own programs: they go down any number of folders, where `shutil.rmtree` ends at a thousand and
    would leave a tenant's data behind. Neither follows links. Raises `CalledProcessError`.
    """
    if not os.path.lexists(path):
        return
    if _run("rm", "-rf", "--", str(path)) != 0:
        _run("chmod", "-R", "u+rwx", "--", str(path))
        subprocess.run(["rm", "-rf", "--", str(path)], check=True, capture_output=True)


def _run(*command: str) -> int:
    return subprocess.run(command, check=False, capture_output=True).returncode
