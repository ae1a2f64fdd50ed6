"""The embedded Redis server: wakes workers, keeps nothing."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from portal.engines.account import engine_user
from portal.engines.binaries import redis_program
from portal.engines.errors import EngineError
from portal.engines.processes import spawn
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

    def start(self, log: Path | None = None) -> None:
        """Start the server as our child. Only the main thread may call this."""
        self.socket.unlink(missing_ok=True)
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
        output = open(log, "ab") if log else None  # noqa: SIM115  # handed to the child, closed below
        try:
            self.process = spawn(
                [redis_program(self.user), *(part for name, value in options.items() for part in (f"--{name}", value))],
                environment={"PATH": os.defpath, "LC_ALL": "C"},
                death_signal=signal.SIGTERM,
                output=output or subprocess.DEVNULL,
                **self.user.spawn_arguments(),
            )
        finally:
            if output:
                output.close()

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

    def stop(self, patience: float = 5.0) -> None:
        """End the server; it has nothing to save."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(patience)

    @contextmanager
    def running(self) -> Iterator["Redis"]:
        """Prepared, started, ready; stopped at the end."""
        self.prepare()
        self.start(log=make_private(self.places.logs) / "redis.log")
        try:
            self.wait_ready()
            yield self
        finally:
            self.stop()
