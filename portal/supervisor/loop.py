"""Keeps programs running: restarts what ends, reads what they print, ends them in order."""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from portal.engines.errors import EngineError
from portal.engines.processes import Program, spawn
from portal.supervisor.leftovers import Register
from portal.supervisor.output import Output, in_short

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before a restart
STEADY_AFTER = 60.0  # seconds after which a child counts as well again


class Stopped(Exception):
    """Somebody asked us to end."""


@dataclass
class Child:
    """One program and its process of the moment."""

    program: Program
    output: Output
    adopt: Callable[[subprocess.Popen[bytes]], None]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = FIRST_PAUSE
    due: float | None = None


@dataclass
class Watch:
    """Something looked at every so often."""

    look: Callable[[], None]
    every: float
    due: float


class Supervisor:
    """Owns the children. Everything happens in the main thread, one event at a time."""

    def __init__(self, logs: Path, register: Register, say: Callable[[str], None]) -> None:
        self.children: dict[str, Child] = {}
        self._logs = logs
        self._register = register
        self._say = say
        self._watches: list[Watch] = []
        self._selector = selectors.DefaultSelector()
        self._waker, self._woken = socket.socketpair()
        self._stop_signals = 0

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Take SIGINT, SIGTERM, SIGHUP and SIGCHLD over, as bytes in a socket: nothing is interrupted halfway."""
        for end in (self._waker, self._woken):
            end.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        before_fd = signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        taken = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
        before = {number: signal.signal(number, self._on_signal) for number in taken}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before_fd)

    def _on_signal(self, number: int, _frame: object) -> None:
        if number != signal.SIGCHLD:
            self._stop_signals += 1

    def start(
        self, program: Program, adopt: Callable[[subprocess.Popen[bytes]], None] = lambda _process: None
    ) -> None:
        """Start a program and keep it running from now on."""
        child = Child(program, Output(program, self._logs, self._show), adopt)
        self.children[program.name] = child
        self._spawn(child)

    def watch(self, look: Callable[[], None], every: float) -> None:
        """Call something every so many seconds while the loop runs."""
        self._watches.append(Watch(look, every, time.monotonic() + every))

    def restart(self, name: str, why: str) -> None:
        """Kill a child that does not do its work; the loop starts it again."""
        child = self.children[name]
        if child.process is not None and child.process.poll() is None:
            self._say(f"{name}: {why}; starting it again")
            child.output.note(why)
            os.killpg(child.process.pid, signal.SIGKILL)

    def run_until(self, condition: Callable[[], bool], patience: float, what: str) -> None:
        """Work until a condition holds. Raises `Stopped` on a signal, EngineError when patience runs out."""
        deadline = time.monotonic() + patience
        while not condition():
            if time.monotonic() > deadline:
                raise EngineError(f"{what} within {patience:.0f} s; see {self._logs}")
            self._step(0.05)

    def run(self) -> None:
        """Work until somebody asks us to end: raises `Stopped`."""
        while True:
            self._step(5.0)

    def stop(self) -> None:
        """End all children, stage by stage from the last to the first. A second signal kills at once."""
        asked = self._stop_signals
        for stage in sorted({child.program.stage for child in self.children.values()}, reverse=True):
            group = [c for c in self.children.values() if c.program.stage == stage and _alive(c)]
            for child in group:
                assert child.process is not None
                child.process.send_signal(child.program.stop_signal)
            deadline = time.monotonic() + max((child.program.patience for child in group), default=0.0)
            while any(_alive(child) for child in group):
                if time.monotonic() > deadline or self._stop_signals > asked + 1:
                    for child in filter(_alive, group):
                        assert child.process is not None
                        child.output.note("did not end in time; killed")
                        os.killpg(child.process.pid, signal.SIGKILL)
                    deadline = float("inf")
                self._pump(0.1)
        for child in self.children.values():
            self._drain(child)
            child.output.close()
            if child.process is not None:
                self._register.remove(child.process.pid)

    def _show(self, name: str, text: str) -> None:
        self._say(f"{name} | {text}")

    def _spawn(self, child: Child) -> None:
        child.due = None
        child.started = time.monotonic()
        child.output.note(f"starting, {time.strftime('%Y-%m-%d %H:%M:%S')}")
        child.process = spawn(child.program, subprocess.PIPE)
        assert child.process.stdout is not None
        os.set_blocking(child.process.stdout.fileno(), False)
        self._selector.register(child.process.stdout, selectors.EVENT_READ, child)
        self._register.add(child.process.pid, child.program.name, int(child.program.stop_signal))
        child.adopt(child.process)

    def _step(self, longest: float) -> None:
        if self._stop_signals:
            raise Stopped
        now = time.monotonic()
        dues = [watch.due for watch in self._watches] + [
            c.due for c in self.children.values() if c.due is not None
        ]
        self._pump(max(0.0, min([longest, *(due - now for due in dues)])))
        self._reap()
        now = time.monotonic()
        for child in self.children.values():
            if child.due is not None and child.due <= now:
                self._respawn(child)
        for watch in self._watches:
            if watch.due <= now:
                watch.look()
                watch.due = time.monotonic() + watch.every

    def _respawn(self, child: Child) -> None:
        try:
            self._spawn(child)
        except EngineError as error:
            child.process = None
            self._postpone(child, str(error))

    def _pump(self, timeout: float) -> None:
        """Wait for output or a signal, and read what came."""
        for key, _ in self._selector.select(timeout):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    while self._woken.recv(4096):
                        continue
            elif not key.data.output.read(key.fd):
                self._selector.unregister(key.fileobj)

    def _reap(self) -> None:
        for child in self.children.values():
            if child.process is None or child.due is not None or child.process.poll() is None:
                continue
            self._drain(child)
            self._register.remove(child.process.pid)
            if time.monotonic() - child.started > STEADY_AFTER:
                child.pause = FIRST_PAUSE
            self._postpone(
                child, f"ended ({_ending(child.process.returncode)}): {in_short(child.output.last_line)}"
            )

    def _postpone(self, child: Child, why: str) -> None:
        child.due = time.monotonic() + child.pause
        self._say(f"{child.program.name} {why}; starting it again in {child.pause:.1f} s")
        child.output.note(why)
        child.pause = min(child.pause * 2, LONGEST_PAUSE)

    def _drain(self, child: Child) -> None:
        """Read what an ended child left in its pipe. A grandchild may hold it open: never wait for its end."""
        stream = child.process.stdout if child.process is not None else None
        if stream is None or stream.closed:
            return
        with contextlib.suppress(KeyError):
            self._selector.unregister(stream)
        for _ in range(64):
            before = child.output.last_line
            if not child.output.read(stream.fileno()) or child.output.last_line == before:
                break
        stream.close()


def _alive(child: Child) -> bool:
    return child.process is not None and child.process.poll() is None


def _ending(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    return f"signal {signal.Signals(-status).name}"
