"""The embedded Redis server: wakes workers, keeps nothing."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from portal.engines.account import engine_user
from portal.engines.binaries import redis_program
from portal.engines.errors import EngineError
from portal.engines.processes import Program, spawn, stop
from portal.locations import Locations, make_private


class Redis:
    """At most one server process, our child. Its data lives in memory and may be lost at any time."""

    def __init__(self, places: Locations) -> None:
        self.places = places
        self.user = engine_user()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.places.redis_socket

    def prepare(self) -> None:
        """The private folder of the socket, without a socket from before."""
        mode = 0o711 if self.user.foreign else 0o700
        make_private(self.places.home, mode)
        make_private(self.places.run, mode)
        self.socket.parent.mkdir(mode=0o700, exist_ok=True)
        self.user.own(self.socket.parent)

    def program(self) -> Program:
        """Return how to run the server: no port, no file, a bound on its memory."""
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "save": "",
            "appendonly": "no",
            "dir": str(self.socket.parent),
            "daemonize": "no",
            "maxmemory": "256mb",
            "loglevel": "warning",
        }
        return Program(
            name="redis",
            command=(
                str(redis_program(self.user)),
                *(part for name, value in options.items() for part in (f"--{name}", value)),
            ),
            environment={"PATH": os.defpath, "LC_ALL": "C"},
            patience=5.0,
            become=self.user.spawn_arguments(),
            before=lambda: self.socket.unlink(missing_ok=True),
        )

    def is_ready(self) -> bool:
        """Whether our child answers; the process id in its answer tells it from an old one."""
        if self.process is None:
            return False
        try:
            with redis.Redis(unix_socket_path=str(self.socket), socket_timeout=2) as client:
                return bool(client.info("server")["process_id"] == self.process.pid)
        except (redis.ConnectionError, redis.TimeoutError):
            return False

    def wait_ready(self, patience: float = 15.0) -> None:
        """Until our server answers."""
        deadline = time.monotonic() + patience
        while not self.is_ready():
            if self.process is None or self.process.poll() is not None:
                raise EngineError(f"Redis ended while starting; see {self.places.logs / 'redis.log'}")
            if time.monotonic() > deadline:
                raise EngineError(f"Redis did not become ready within {patience:.0f} s")
            time.sleep(0.03)

    @contextmanager
    def running(self) -> Iterator["Redis"]:
        """Prepared, started, ready; stopped at the end."""
        self.prepare()
        program = self.program()
        with open(make_private(self.places.logs) / "redis.log", "ab") as log:
            self.process = spawn(program, log)
        try:
            self.wait_ready()
            yield self
        finally:
            stop(self.process, program)
