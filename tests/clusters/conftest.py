"""Workloads on the real kernel, started by each kind of user that may run the portal."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clusters.local import launcher

NOBODY = 65534
ACCOUNT_UID = 64001
# An unprivileged user can only try its own case; root tries them all.
USERS = ["unprivileged", "root", "root-without-namespaces"] if os.geteuid() == 0 else ["unprivileged"]


@dataclass(frozen=True)
class Machine:
    """One kind of user, and the level of walls that must work for it on this machine."""

    name: str
    level: str
    prefix: tuple[str, ...]
    folder: Path
    tree: Path
    uid: int | None
    owner: int

    @property
    def python(self) -> str:
        """An interpreter that this user may run: ours may live below a home folder that is closed to it."""
        return sys.executable if self.owner == os.geteuid() else "/usr/bin/python3"

    def driver(self, *arguments: str) -> list[str]:
        return [
            *self.prefix,
            self.python,
            "-I",
            "-S",
            str(self.tree / "driver.py"),
            str(self.folder),
            *arguments,
        ]

    def run(self, argv: list[str], **spec: Any) -> "Ended":
        """Run one workload to its end."""
        text = json.dumps({"argv": argv, "level": self.level, "uid": self.uid, **spec})
        done = subprocess.run(
            self.driver("run"), input=text, capture_output=True, text=True, timeout=90, check=False
        )
        assert done.returncode == 0, done.stderr
        return Ended(**json.loads(done.stdout))

    def python_run(self, code: str, **spec: Any) -> "Ended":
        return self.run(["/usr/bin/python3", "-I", "-c", code], **spec)


@dataclass(frozen=True)
class Ended:
    """How a workload ended, and what it printed."""

    state: dict[str, Any]
    log: str
    folder: str

    @property
    def code(self) -> int | None:
        code: int | None = self.state["exit_code"]
        return code


@pytest.fixture(scope="session")
def make_machine() -> Iterator[Callable[[str], Machine]]:
    base = Path(tempfile.mkdtemp(prefix="portal-walls-", dir="/tmp"))
    base.chmod(0o755)
    package = base / "tree" / "clusters"
    shutil.copytree(Path(launcher.TREE) / "clusters" / "local", package / "local")
    (package / "__init__.py").touch()
    shutil.copy(Path(__file__).parent / "driver.py", base / "tree" / "driver.py")
    made: dict[str, Machine] = {}

    def make(name: str) -> Machine:
        if name in made:
            return made[name]
        root = os.geteuid() == 0
        as_nobody = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        without = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
        folder = base / name
        folder.mkdir(mode=0o711)
        if name == "unprivileged":
            owner = NOBODY if root else os.geteuid()
            machine = Machine(
                name, "namespace", as_nobody if root else (), folder, base / "tree", None, owner
            )
            os.chown(folder, owner, -1)
        elif name == "root":
            machine = Machine(name, "namespace-uid", (), folder, base / "tree", ACCOUNT_UID, 0)
        else:
            machine = Machine(name, "uid", without, folder, base / "tree", ACCOUNT_UID, 0)
        made[name] = machine
        return machine

    yield make
    shutil.rmtree(base)


@pytest.fixture(params=USERS[:2])
def machine(request: pytest.FixtureRequest, make_machine: Callable[[str], Machine]) -> Machine:
    """Both users under whom workloads get namespaces."""
    return make_machine(request.param)


@pytest.fixture(params=USERS)
def any_machine(request: pytest.FixtureRequest, make_machine: Callable[[str], Machine]) -> Machine:
    """Every kind of walls, for limits and endings, which hold with and without namespaces."""
    return make_machine(request.param)
