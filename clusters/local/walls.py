"""Putting one workload behind its walls: namespaces, identity, limits, and process 1 inside.

    shim ── (middle: unshare, fork, exits) ── init, process 1 of the namespaces ── the workload

The shim is a subreaper, so init becomes its child; when init ends the kernel kills whatever is left in the
namespace. Without namespaces the workload is the shim's own child.
"""

import contextlib
import json
import os
import resource
import signal
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from clusters.local import kernel, sandbox, seccomp
from clusters.local.spec import GIB, WorkloadSpec

NAMESPACES = kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS

Report = dict[str, Any]
"""What the inside tells the shim, one JSON object a line: {"started": pid} {"note": …} {"failed": …}
{"status": …}.
"""


def start(spec: WorkloadSpec, output: int, report: int, confine: Callable[[int], None]) -> int:
    """Start the workload with `output` as its output; return the pid whose end is the workload's end.

    Reports go to the descriptor `report`. With namespaces the returned process is init, else the workload
    itself.
    `confine(pid)` runs while that process still waits, so that whatever it puts around it holds from the
    first instruction.
    """
    with_init = spec.level in ("namespace", "namespace-uid")
    pid_reader, pid_writer = os.pipe()
    go_reader, go_writer = os.pipe()
    first = os.fork()
    if first == 0:
        with _reporting(report):
            os.close(go_writer)
            if with_init:
                _middle(spec, output, report, go_reader, pid_writer)
            _wait_for(go_reader)
            _become(spec, output, new_user_namespace=False)
    os.close(pid_writer)
    os.close(go_reader)
    pid = first
    if with_init:
        os.waitpid(first, 0)
        pid = int(os.read(pid_reader, 32) or b"0")
    os.close(pid_reader)
    if pid:
        confine(pid)
        os.write(go_writer, b"g")  # only now is init the shim's child, and may ask to die with it
    os.close(go_writer)
    if not pid:
        raise ChildProcessError("the namespaces could not be made")
    if not with_init:
        tell(report, {"started": pid})
    return pid


def _wait_for(go: int) -> None:
    if os.read(go, 1) != b"g":
        os._exit(127)
    os.close(go)


def tell(report: int, message: Report) -> None:
    os.write(report, json.dumps(message).encode() + b"\n")


class _reporting:
    """Whatever goes wrong in a forked child is reported, and ends it: it must never run the parent's code."""

    def __init__(self, report: int) -> None:
        self.report = report

    def __enter__(self) -> None:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)  # the shim's handlers are not the child's

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> NoReturn:
        if isinstance(error, OSError):
            where = traceback.extract_tb(trace)[-1].name
            tell(
                self.report,
                {"failed": f"{error.strerror or error} ({where})" if not error.filename else str(error)},
            )
        elif error is not None:
            tell(self.report, {"failed": f"{kind.__name__ if kind else ''}: {error}"})
        os._exit(127)


def _middle(spec: WorkloadSpec, output: int, report: int, go: int, pid_writer: int) -> NoReturn:
    """Make the namespaces, fork init into them, tell its pid, and end: the shim inherits init."""
    if spec.level == "namespace":
        _enter_user_namespace()
    kernel.unshare(NAMESPACES)
    init = os.fork()
    if init == 0:
        with _reporting(report):
            _init(spec, output, report, go)
    os.write(pid_writer, str(init).encode())
    os._exit(0)


def _enter_user_namespace() -> None:
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(kernel.CLONE_NEWUSER)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{sandbox.INSIDE_UID} {uid} 1"),
        ("gid_map", f"{sandbox.INSIDE_UID} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _init(spec: WorkloadSpec, output: int, report: int, go: int) -> None:
    """Process 1: build the file system, drop what is not needed, start the workload, reap, and tell how it
    ended.
    """
    _wait_for(go)
    kernel.die_with_parent(signal.SIGKILL)
    inside = sandbox.INSIDE_UID if spec.uid is None else spec.uid
    kernel.set_hostname("local")
    for note in sandbox.build(spec, uid=inside, gid=inside):
        tell(report, {"note": note})
    kernel.drop_bounding_set()
    if spec.uid is not None:
        _change_identity(spec.uid)
    kernel.drop_capabilities()
    kernel.forbid_new_privileges()
    kernel.die_with_parent(signal.SIGKILL)

    def stop(number: int, frame: Any) -> None:
        try:
            os.killpg(workload, signal.SIGTERM)
        except ProcessLookupError:  # it has no group of its own yet
            with contextlib.suppress(ProcessLookupError):
                os.kill(workload, signal.SIGTERM)

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    workload = os.fork()
    if workload == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        with _reporting(report):
            _become(spec, output, new_user_namespace=spec.level == "namespace")
    os.close(output)
    signal.signal(signal.SIGTERM, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    tell(report, {"started": workload})
    while True:
        pid, status = os.wait()
        if pid == workload:
            tell(report, {"status": status})
            os._exit(0)


def _change_identity(uid: int) -> None:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _become(spec: WorkloadSpec, output: int, *, new_user_namespace: bool) -> NoReturn:
    """Turn this forked child into the workload. Everything above standard error is closed."""
    os.setsid()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it; programs expect the default
    # The shim's report descriptor must survive until exec to tell why exec failed: Python made it close-on-
    # exec.
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    # Without a namespace per user the kernel counts processes of the whole user: only a uid of its own makes
    # that useful.
    counted = spec.uid is not None or (new_user_namespace and _kernel_version() >= (5, 14))
    os.umask(0o077)
    _limit(spec, processes=counted)
    if spec.uid is not None and os.geteuid() != spec.uid:
        # A container's root may lack the right; no_new_privs holds anyway.
        with contextlib.suppress(PermissionError):
            kernel.drop_bounding_set()
        _change_identity(spec.uid)
    if os.geteuid() != 0:
        kernel.drop_capabilities()
    kernel.forbid_new_privileges()
    if spec.level not in ("namespace", "namespace-uid"):
        kernel.die_with_parent(signal.SIGKILL)
    os.chdir(sandbox.files(spec))
    seccomp.install()
    for descriptor in range(3, 256):
        with contextlib.suppress(OSError):
            os.set_inheritable(descriptor, False)
    try:
        os.execvpe(spec.argv[0], list(spec.argv), spec.env)  # noqa: S606 - the purpose
    except OSError as error:
        raise RuntimeError(f"the program {spec.argv[0]!r} could not be started: {error.strerror}") from error


def _kernel_version() -> tuple[int, int]:
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int("".join(character for character in minor if character.isdigit()) or 0)


def _limit(spec: WorkloadSpec, *, processes: bool) -> None:
    limits = spec.limits
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_NOFILE: 4096,
        # A backstop for one process that allocates faster than the shim looks; the tree's limit is the
        # shim's.
        resource.RLIMIT_DATA: max(2 * limits.memory, limits.memory + GIB),
    }
    if limits.cpu_seconds:
        wanted[resource.RLIMIT_CPU] = limits.cpu_seconds
    if processes:
        wanted[resource.RLIMIT_NPROC] = limits.processes
    for which, value in wanted.items():
        hard = resource.getrlimit(which)[1]
        held = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (held, held))
    if limits.cpus < len(allowed := sorted(os.sched_getaffinity(0))):
        # Spread by id, so that several workloads do not pile up on the first CPUs.
        first = int(spec.id.replace("-", "")[-6:] or "0", 16) % len(allowed)
        os.sched_setaffinity(0, [allowed[(first + step) % len(allowed)] for step in range(limits.cpus)])
    os.nice(5)
