"""Virtual environments for workloads, made once per set of requirements and shared read-only.

Built with uv from wheels only: nothing that a tenant names runs while an environment is made. A virtual
environment cannot move, so it is built in its place; the marker file `.complete` is written last, and what
lacks it is built anew.
"""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from accounts.errors import Unprocessable
from clusters.local import index, kernel
from clusters.local.requirements import Environment

FORMAT = 1
COMPLETE = ".complete"
BUILD_SECONDS = 1800
Log = Callable[[str], None]


class Cancelled(Exception):
    """The one who waited for this environment does not want it any more."""


@dataclass(frozen=True)
class Interpreter:
    """A Python on this machine: its program, its version, and the folder that a workload must be able to
    read.
    """

    path: str
    version: str
    prefix: str


@dataclass(frozen=True)
class Built:
    """A complete environment: its folder, and everything that a workload must be able to read to use it."""

    folder: Path
    read_only: tuple[str, ...]


def find_interpreter(python: str, log: Log) -> Interpreter:
    """Return an installed interpreter of the same major and minor version, the portal's own if it fits.

    Raises `Unprocessable` where there is none: nothing is downloaded.
    """
    own = Interpreter(_own_program(), sysconfig.get_python_version(), sys.base_prefix)
    wanted = ".".join(python.split(".")[:2]) or own.version
    if wanted == own.version:
        found = Interpreter(own.path, ".".join(map(str, sys.version_info[:3])), own.prefix)
    else:
        answer = subprocess.run(
            [uv(), "python", "find", "--no-config", "--no-project", "--system", wanted],
            capture_output=True,
            text=True,
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": "/nonexistent",
                "UV_PYTHON_DOWNLOADS": "never",
            },
            check=False,
            timeout=60,
        )
        path = answer.stdout.strip()
        if answer.returncode != 0 or not path:
            raise Unprocessable(
                "environment.no_python",
                _("Python %(python)s is not installed on the portal's machine. Ask for it, or use %(own)s.")
                % {"python": wanted, "own": own.version},
            )
        code = "import sys; print('.'.join(map(str, sys.version_info[:3])), sys.base_prefix)"
        version, prefix = subprocess.run(
            [path, "-I", "-S", "-c", code], capture_output=True, text=True, check=True, timeout=60, env={}
        ).stdout.split()
        found = Interpreter(path, version, prefix)
    if python.count(".") == 2 and python != found.version:
        log(_("Python %(asked)s is asked for; using %(found)s.") % {"asked": python, "found": found.version})
    return found


def _own_program() -> str:
    return os.path.realpath(sys.executable)


def uv() -> str:
    """Path of the uv program that belongs to the portal's own environment."""
    beside = Path(sys.prefix) / "bin" / "uv"
    found = str(beside) if beside.exists() else shutil.which("uv")
    if not found:
        raise FileNotFoundError("uv is not installed: it is in requirements/portal.txt")
    return found


def digest(environment: Environment, interpreter: Interpreter) -> str:
    """Name of the environment: everything that decides what is in it."""
    facts = [
        FORMAT,
        interpreter.version,
        interpreter.path,
        sysconfig.get_platform(),
        environment.requirements,
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def prepare(
    root: Path, environment: Environment, log: Log, cancelled: Callable[[], bool] = lambda: False
) -> Built:
    """Return the environment below `root`, building it if needed; one builder at a time, others wait for it.

    Progress goes to `log`, line by line. Raises `Unprocessable` when the requirements cannot be installed and
    `Cancelled` once `cancelled()` says so.
    """
    interpreter = find_interpreter(environment.python, log)
    name = digest(environment, interpreter)
    folder = root / "envs" / name
    built = Built(folder, _unique(str(folder), interpreter.prefix))
    root.mkdir(mode=0o711, parents=True, exist_ok=True)
    (root / "envs").mkdir(mode=0o755, exist_ok=True)
    marker = folder / COMPLETE
    if not marker.exists():
        with _only_builder(root / "envs" / f"{name}.lock", log, cancelled):
            if not marker.exists():
                _build(folder, environment, interpreter, log, cancelled)
    else:
        log(_("Environment %(name)s is ready.") % {"name": name[:12]})
    os.utime(marker)
    return built


def _unique(*paths: str) -> tuple[str, ...]:
    """Without what the system folders show already."""
    return tuple(path for path in dict.fromkeys(paths) if path != "/usr" and not path.startswith("/usr/"))


@contextmanager
def _only_builder(path: Path, log: Log, cancelled: Callable[[], bool]) -> Iterator[None]:
    with open(path, "w", encoding="ascii") as file:
        waiting = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waiting:
                    log(_("Another workload is building this environment; waiting for it."))
                waiting = True
            if cancelled():
                raise Cancelled
            time.sleep(0.2)
        yield


def _build(
    folder: Path,
    environment: Environment,
    interpreter: Interpreter,
    log: Log,
    cancelled: Callable[[], bool],
) -> None:
    root = folder.parent.parent
    started = time.monotonic()
    if folder.exists():
        shutil.rmtree(folder)
    log(
        _("Building an environment: Python %(python)s, %(count)d requirements.")
        % {"python": interpreter.version, "count": len(environment.requirements)}
    )
    variables = index.uv_environment() | {
        "PATH": os.defpath,
        "HOME": str(root),
        "LANG": "C.UTF-8",
        "UV_CACHE_DIR": str(root / "uv-cache"),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
        # Else uv starts the environment's own Python, which runs what a wheel's .pth says: see `_compile`.
        "UV_COMPILE_BYTECODE": "false",
    }
    common = ["--no-config", "--color", "never"]
    _run(
        [uv(), "venv", *common, "--no-project", "--python", interpreter.path, str(folder)],
        variables,
        log,
        cancelled,
    )
    if environment.requirements:
        listing = folder / "requirements.txt"
        listing.write_text("\n".join(environment.requirements) + "\n", "utf-8")
        install = [uv(), "pip", "install", *common, "--python", str(folder / "bin" / "python")]
        options = ["--only-binary", ":all:", "--requirement", str(listing)]
        _run([*install, *options], variables, log, cancelled)
        _compile(folder, interpreter, log, cancelled)
    # Every account's user reads it; nobody but the agent's writes.
    for base, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(base, name)
            if not os.path.islink(path):
                mode = os.stat(path).st_mode
                os.chmod(path, (mode | 0o444 | (0o111 if mode & 0o100 else 0)) & ~0o022)
    os.chmod(folder, 0o755)  # noqa: S103 - every account's user reads it
    with open(folder / COMPLETE, "w", encoding="utf-8") as file:
        json.dump({"python": interpreter.version, "requirements": environment.requirements}, file)
        file.flush()
        os.fsync(file.fileno())
    log(_("The environment is ready after %(seconds).0f s.") % {"seconds": time.monotonic() - started})


def _compile(folder: Path, interpreter: Interpreter, log: Log, cancelled: Callable[[], bool]) -> None:
    """Compile the modules, which nobody could do once the environment is read-only.

    By the interpreter outside the environment, without its site: nothing that a wheel brought runs, nor decides
    what runs. What does not compile stays as it is; a program that imports it is told why.
    """
    command = [interpreter.path, "-I", "-S", "-m", "compileall", "-qq", "-j", "0", str(folder / "lib")]
    _run(command, {"PATH": os.defpath, "LANG": "C.UTF-8"}, log, cancelled, check=False)


def _run(
    command: list[str],
    variables: dict[str, str],
    log: Log,
    cancelled: Callable[[], bool],
    *,
    check: bool = True,
) -> None:
    """Run one step of a build, its output to `log`; ends with the thread that started it."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=variables,
        cwd="/",
        start_new_session=True,
        preexec_fn=_die_with_builder if kernel.IS_LINUX else None,  # noqa: PLW1509 - one prctl, nothing that takes a lock
    )
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    until = time.monotonic() + BUILD_SECONDS
    rest, last = b"", ""
    try:
        while True:
            chunk = process.stdout.read()
            *lines, rest = (rest + (chunk or b"")).split(b"\n")
            for line in lines:
                last = index.redact(line.decode(errors="replace").rstrip())
                if last:
                    log(last)
            if chunk == b"" and process.poll() is not None:
                break
            if cancelled():
                raise Cancelled
            if time.monotonic() > until:
                raise Unprocessable(
                    "environment.timeout",
                    _("Building the environment took longer than %(minutes)d minutes.")
                    % {"minutes": BUILD_SECONDS // 60},
                )
            time.sleep(0.05)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    if check and process.returncode != 0:
        raise Unprocessable(
            "environment.failed",
            _(
                "The environment could not be built; the log says why. Packages are installed from wheels "
                "only: a package that offers none for this Python must be replaced, or its wheel added to "
                "the package index."
            ),
        )


def _die_with_builder() -> None:
    kernel.die_with_parent(signal.SIGKILL)


def prune(root: Path, in_use: set[str], unused_days: float = 30) -> list[str]:
    """Delete environments that nothing has used for long, and half-built ones that nobody is building;
    return their names.
    """
    removed = []
    before = time.time() - unused_days * 86400
    for folder in sorted((root / "envs").glob("*")) if (root / "envs").exists() else []:
        if not folder.is_dir() or str(folder) in in_use:
            continue
        marker = folder / COMPLETE
        with open(root / "envs" / f"{folder.name}.lock", "w", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if marker.exists() and marker.stat().st_mtime > before:
                continue
            shutil.rmtree(folder)
            removed.append(folder.name)
    return removed
