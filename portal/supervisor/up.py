"""The order of things when the portal starts."""

import argparse
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack

import psycopg

from portal.engines.errors import EngineError
from portal.engines.lock import held
from portal.engines.postgres import Postgres
from portal.engines.processes import Program, spawn, stop
from portal.engines.redis import Redis
from portal.environment import Environment, WrongEnvironment, read_environment
from portal.listener import listen
from portal.locations import Locations, UnusableFolder, locate, make_private
from portal.supervisor.leftovers import Register
from portal.supervisor.loop import Stopped, Supervisor
from portal.supervisor.programs import CODE, base_environment, manage, portal_programs

WORKER_GRACE = 90.0  # seconds a worker may take from its start to its first canary
WORKER_SILENCE = 60.0  # seconds without a canary after which a worker counts as stuck


def say(text: str) -> None:
    """Print a line for the person at the terminal; a terminal that has been closed is no reason to fail."""
    with contextlib.suppress(OSError):
        print(text, flush=True)  # noqa: T201  # this is the terminal's program


def main(arguments: list[str] | None = None) -> int:
    """Run the portal until Ctrl-C; returns the exit status."""
    started = time.monotonic()
    parser = argparse.ArgumentParser(prog="manage.py up", description="Start everything on this machine.")
    parser.add_argument(
        "--then",
        nargs=argparse.REMAINDER,
        default=[],
        metavar="COMMAND",
        help="run this once every engine is ready, with PORTAL_URL set; the portal stops if it fails",
    )
    then: list[str] = parser.parse_args(sys.argv[2:] if arguments is None else arguments).then
    try:
        environment = read_environment()
        places = locate(environment.home)
        with ExitStack() as stack:
            stack.enter_context(held(places, "up"))
            return _Up(environment, places, stack, started).run(then)
    except (EngineError, WrongEnvironment, UnusableFolder) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1


class _Up:
    def __init__(self, environment: Environment, places: Locations, stack: ExitStack, started: float) -> None:
        self.environment = environment
        self.places = places
        self.started = started
        make_private(places.run, 0o711 if os.geteuid() == 0 else 0o700)
        make_private(places.logs)
        # That it exists tells /readyz that there is an agent to wait for.
        places.local.mkdir(mode=0o711, exist_ok=True)
        self.register = Register(places.run / "children.json")
        self.supervisor = Supervisor(places.logs, self.register, say)
        stack.enter_context(self.supervisor.signals())

    def run(self, then: list[str]) -> int:
        status = 0
        try:
            if left := self.register.end_leftovers():
                say(f"Ended what an earlier start left running: {', '.join(left)}")
            listener = self._listen()
            self._start_engines()
            first, others, open_gate = self._portal(listener)
            self.supervisor.start(first)
            admin = self._prepare()
            open_gate()
            # People wait for pages: the rest starts when those answer.
            self.supervisor.run_until(self._answers, 90.0, "the web processes did not answer")
            for program in others:
                self.supervisor.start(program)
            self._greet(admin)
            self.supervisor.watch(self._watch_worker, every=15.0)
            if then and (status := self._run_then(then)):
                say(f"{then[-1]} ended with status {status}.")
            else:
                self.supervisor.run()
        except Stopped:
            say("\nStopping …")
        finally:
            self.supervisor.stop()
        say("Stopped.")
        return status

    def _run_then(self, command: list[str]) -> int:
        """Run a command with the portal around it, its output on this terminal; its exit status."""
        self.supervisor.run_until(
            lambda: self._answers("/readyz?all=1"), 120.0, "not every engine became ready"
        )
        environment = base_environment(self.places.home) | {"PORTAL_URL": self.environment.own_url}
        program = Program("then", tuple(command), environment, folder=CODE)
        process = spawn(program, sys.stdout.fileno())
        try:
            self.supervisor.run_until(lambda: process.poll() is not None, float("inf"), "")
        finally:
            stop(process, program)
        return process.returncode

    def _listen(self) -> socket.socket:
        address, port = self.environment.bind, self.environment.port
        try:
            listener = listen(address, port)
        except OSError as error:
            raise EngineError(
                f"cannot listen on {address} port {port}: {error.strerror}; set PORTAL_PORT or PORTAL_BIND"
            ) from None
        listener.set_inheritable(True)
        return listener

    def _start_engines(self) -> None:
        waiting: list[tuple[str, Callable[[], bool]]] = []
        postgres = Postgres(self.places) if self.environment.embedded_database else None
        redis = Redis(self.places) if self.environment.embedded_redis else None
        if postgres is not None:
            postgres.prepare()
            self.supervisor.start(postgres.program(), lambda process: setattr(postgres, "process", process))
            waiting.append(("PostgreSQL did not become ready", postgres.is_ready))
        if redis is not None:
            redis.prepare()
            self.supervisor.start(redis.program(), lambda process: setattr(redis, "process", process))
            waiting.append(("Redis did not become ready", redis.is_ready))
        for what, ready in waiting:
            self.supervisor.run_until(ready, 60.0, what)
        if postgres is not None:
            postgres.bootstrap()

    def _prepare(self) -> dict[str, str] | None:
        """Migrations, static files, the first admin: in a process of its own, which alone works as the owner."""
        program = Program("prepare", manage("prepare"), base_environment(self.places.home), folder=CODE)
        admin: dict[str, str] | None = None
        with open(self.places.logs / "prepare.log", "wb") as log:
            process = spawn(program, subprocess.PIPE)
            assert process.stdout is not None
            os.set_blocking(process.stdout.fileno(), False)
            rest, last = b"", ""
            try:
                while True:
                    ended = process.poll() is not None
                    *lines, rest = (rest + (process.stdout.read() or b"")).split(b"\n")
                    for line in lines:
                        if line.startswith(b'{"prepare":'):
                            message = json.loads(line)["prepare"]
                            admin = message.get("admin", admin)
                            if "say" in message:
                                say(message["say"])
                        else:
                            log.write(line + b"\n")
                            last = _why(line.decode(errors="replace"), last)
                    if ended:
                        break
                    self.supervisor.run_until(_once(), 60.0, "")
            finally:
                stop(process, program)
                process.stdout.close()
        if process.returncode:
            raise EngineError(
                f"the portal could not be prepared: {last} (see {self.places.logs / 'prepare.log'})"
            )
        return admin

    def _portal(self, listener: socket.socket) -> tuple[Program, list[Program], Callable[[], None]]:
        """The first web process, all the others, and what opens the gate that the web waits behind."""
        shutil.rmtree(self.places.metrics, ignore_errors=True)
        make_private(self.places.metrics)
        # Our end of the gate stays open for web processes that are started again: they find the other end closed.
        gate, latch = os.pipe()
        workers = self.environment.web_workers
        first, *others = portal_programs(self.places, listener.fileno(), gate, workers)
        return first, others, lambda: os.close(latch)

    def _answers(self, path: str = "/livez") -> bool:
        try:
            with urllib.request.urlopen(self.environment.own_url + path, timeout=5) as answer:  # noqa: S310  # our own http
                return bool(answer.status == 200)
        except OSError:
            return False

    def _greet(self, admin: dict[str, str] | None) -> None:
        address = self.environment.base_url or self.environment.own_url
        say(f"\nThe portal answers at {address}  ({time.monotonic() - self.started:.1f} s)")
        if admin is not None:
            say(f"Sign in as {admin['username']} with the one-time password {admin['password']}")
        say("MLflow is still starting; pages do not wait for it. Ctrl-C stops everything.\n")

    def _watch_worker(self) -> None:
        """A worker is alive when it consumes canaries. One that has stopped is started again, with the clock."""
        worker, beat = self.supervisor.children["worker"], self.supervisor.children["beat"]
        age = time.monotonic() - max(worker.started, beat.started)
        if age < WORKER_GRACE or worker.due is not None or beat.due is not None:
            return
        url = self.environment.url_of("system") or self.places.database_url("system")
        try:
            with psycopg.connect(url, connect_timeout=3) as connection:
                row = connection.execute(
                    "SELECT extract(epoch FROM now() - seen_at) FROM portal.portal_heartbeat WHERE name = 'worker'"
                ).fetchone()
        except psycopg.OperationalError:
            return  # the database is down: that says nothing about the worker
        if row is None or float(row[0]) > WORKER_SILENCE:
            self.supervisor.restart("beat", "the worker consumes nothing")
            self.supervisor.restart("worker", "the worker consumes nothing")


def _once() -> Callable[[], bool]:
    """A condition that lets the loop make one step."""
    steps = iter((False, True))
    return lambda: next(steps)


def _why(line: str, before: str) -> str:
    """The line that says why a program ended: an exception's own line rather than what is printed around it."""
    return (
        line.strip()
        if re.match(r"[\w.]*(Error|Exception|Refused|error)\b.*: ", line) or not before
        else before
    )
