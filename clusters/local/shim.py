"""The shim: one small process per workload, in a session of its own, that outlives the agent.

It reads a `WorkloadSpec` from standard input (a memfd: secrets touch neither argv nor disk), puts the
workload behind its walls, keeps its log within bounds, enforces limits, stops it on SIGTERM (politely, then
for good), and writes how it ended to the state file, from which any agent, also one started later, learns the
outcome.
"""

import contextlib
import fcntl
import json
import os
import resource
import select
import signal
import sys
import time
from typing import Any

from clusters.local import kernel, limits, processes, sandbox, walls
from clusters.local.capture import Capture
from clusters.local.cgroup import Cgroup
from clusters.local.spec import WorkloadSpec
from clusters.local.state import State

CHECK_SECONDS = 0.25
RELAXED_CHECK_SECONDS = 1.0
"""Between two looks where the kernel itself holds the memory limit (a control group)."""
ABANDONED_SECONDS = 15 * 60
"""With no sign of an agent for so long the portal is gone from this machine: the workload ends too."""


class Shim:
    """Runs one workload to its end."""

    def __init__(self, spec: WorkloadSpec) -> None:
        self.spec = spec
        self.state = State(id=spec.id, attempt=spec.attempt, shim=processes.myself(), started_at=time.time())
        self.capture = Capture(os.path.join(spec.folder, "log"), spec.limits.log_bytes)
        self.wake, self._wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.output, self._output_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        os.set_blocking(self._output_writer, True)
        self.report, self._report_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        os.set_blocking(self._report_writer, True)
        self._reports = b""
        self.status: int | None = None
        self.child = 0
        self.ended = False
        self.stop_at: float | None = None
        self.kill_at: float | None = None

    def run(self) -> None:
        """Start, watch, finish. The state file says "exited" when this returns."""
        signal.set_wakeup_fd(self._wake_writer)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.state.save(self.spec.folder)
        cgroup = Cgroup.create(self.spec)
        try:
            confine = cgroup.add if cgroup is not None else _nothing
            self.child = walls.start(self.spec, self._output_writer, self._report_writer, confine)
        except OSError as error:
            self.state.cause, self.state.detail = "start", str(error)
            self.ended = True
        os.close(self._output_writer)
        os.close(self._report_writer)
        if not self.ended:
            self._watch(cgroup)
        self._finish(cgroup)

    def _on_signal(self, number: int, frame: Any) -> None:
        if number in (signal.SIGTERM, signal.SIGINT) and self.stop_at is None:
            self.stop_at = time.monotonic()

    def _watch(self, cgroup: Cgroup | None) -> None:
        watch = limits.Watch(self.spec.limits, self.child, (sandbox.files(self.spec), sandbox.tmp(self.spec)))
        interval = CHECK_SECONDS if cgroup is None else RELAXED_CHECK_SECONDS
        heartbeat, heard = 0.0, time.monotonic()
        poll = select.poll()
        for descriptor in (self.wake, self.output, self.report):
            poll.register(descriptor, select.POLLIN)
        check_at = 0.0
        while not self.ended:
            ready = {
                descriptor
                for descriptor, _ in poll.poll(CHECK_SECONDS * 1000 if self.stop_at else interval * 1000)
            }
            if self.wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self.wake, 4096)
            if self.output in ready and not self._read_output():
                poll.unregister(self.output)
            if self.report in ready and not self._read_reports():
                poll.unregister(self.report)
            self._reap()
            now = time.monotonic()
            self._stop_if_due(now)
            if now < check_at:
                continue
            check_at = now + interval
            if self.kill_at is None and not self.ended:
                over = watch.exceeded() or (
                    "memory" if cgroup is not None and cgroup.out_of_memory() else None
                )
                if over:
                    self._end_for(over)
            beat = _modified(self.spec.heartbeat)
            if beat != heartbeat:
                heartbeat, heard = beat, now
            elif self.spec.heartbeat and now - heard > ABANDONED_SECONDS and self.stop_at is None:
                self.state.cause = "abandoned"
                self.stop_at = now
        self.state.peak_memory = watch.peak.memory
        if not self.state.cause and cgroup is not None and cgroup.out_of_memory():
            self.state.cause = "memory"

    def _end_for(self, cause: str) -> None:
        self.state.cause = cause
        self._kill()

    def _stop_if_due(self, now: float) -> None:
        """SIGTERM once, SIGKILL to everything after the grace."""
        if self.stop_at is None or self.ended:
            return
        if self.kill_at is None:
            self.state.cause = self.state.cause or "stopped"
            self.kill_at = now + self.spec.limits.stop_seconds
            if self.state.phase != "running":
                self._kill()
                return
            # Init passes it on to the workload's process group; without namespaces the group is the child's
            # own.
            with contextlib.suppress(ProcessLookupError):
                if self._has_init():
                    os.kill(self.child, signal.SIGTERM)
                else:
                    os.killpg(self.child, signal.SIGTERM)
        elif now > self.kill_at:
            self._kill()

    def _has_init(self) -> bool:
        return self.spec.level in ("namespace", "namespace-uid")

    def _kill(self) -> None:
        self.kill_at = self.kill_at or time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.child, signal.SIGKILL)
        if not self._has_init():
            processes.kill_tree(os.getpid(), self._on_reaped)

    def _reap(self) -> None:
        for pid, status in processes.reap().items():
            self._on_reaped(pid, status)

    def _on_reaped(self, pid: int, status: int) -> None:
        if pid == self.child:
            self.ended = True
            if not self._has_init():
                self.status = status

    def _read_output(self) -> bool:
        """Take one portion of output; False at its end."""
        try:
            data = os.read(self.output, 65536)
        except BlockingIOError:
            return True
        self.capture.write(data)
        return bool(data)

    def _read_reports(self) -> bool:
        try:
            data = os.read(self.report, 65536)
        except BlockingIOError:
            return True
        *lines, self._reports = (self._reports + data).split(b"\n")
        for line in lines:
            self._heed(json.loads(line))
        return bool(data)

    def _heed(self, message: walls.Report) -> None:
        if "started" in message and not self.state.cause:
            self.state.phase = "running"
            self.state.save(self.spec.folder)
        if "note" in message:
            self.state.notes.append(message["note"])
            self.capture.say(message["note"])
        if "failed" in message:
            self.state.cause, self.state.detail = "start", message["failed"]
        if "status" in message:
            self.status = message["status"]

    def _finish(self, cgroup: Cgroup | None) -> None:
        processes.kill_tree(os.getpid(), self._on_reaped)
        for descriptor, read in ((self.output, self._read_output), (self.report, self._read_reports)):
            until = time.monotonic() + 5
            while select.select([descriptor], [], [], 0)[0] and time.monotonic() < until and read():
                pass
        if cgroup is not None:
            cgroup.remove()
        if self.status is not None:
            code = os.waitstatus_to_exitcode(self.status)
            self.state.exit_code, self.state.signal = (code, None) if code >= 0 else (None, -code)
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.state.cpu_seconds = round(usage.ru_utime + usage.ru_stime, 2)
        self.state.phase, self.state.ended_at = "exited", time.time()
        self.capture.close()
        self.state.save(self.spec.folder)


def _nothing(pid: int) -> None:
    """No control group here."""


def _modified(path: str) -> float:
    try:
        return os.stat(path).st_mtime if path else 0.0
    except FileNotFoundError:
        return 0.0


def main() -> None:
    """Entry point: `python -I -S -c … <tree> clusters.local.shim <folder>`, the spec on standard input."""
    with open(0, "rb", closefd=False) as file:
        spec = WorkloadSpec.loads(file.read())
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.umask(0o077)
    os.chdir("/")
    lock = os.open(os.path.join(spec.folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(f"Workload {spec.id} has a shim already.")
    kernel.become_subreaper()
    Shim(spec).run()
