"""Time until the sign-in page answers, cold and warm, and the memory of all processes at rest.

    .venv/bin/python benchmarks/startup.py [--json] [--rounds 3] [--rest 30]

Cold is an empty home (initdb, migrations, static files); warm is any start after that. Memory is the proportional
set size of the supervisor and everything below it, after every engine is ready, each page kind has been asked for
once, and `--rest` seconds have passed. Ends with status 1 when a floor is broken.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
WARM_SECONDS = 8.0
IDLE_BYTES = 1.2e9


class Portal:
    """One `manage.py up` in a home of its own."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PORTAL_", "DATABASE_"))
            and name not in ("REDIS_URL", "MLFLOW_DATABASE_URL")
        }
        environment |= {"PORTAL_HOME": str(home), "PORTAL_PORT": str(self.port)}
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )

    def seconds_until(self, path: str, patience: float = 180.0) -> float:
        """Seconds from the start until the path answers 200."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise SystemExit(f"manage.py up ended with status {self.process.returncode}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                    if answer.status == 200:
                        return time.monotonic() - self.started
            except OSError:
                time.sleep(0.02)
        raise SystemExit(f"{path} did not answer within {patience:.0f} s")

    def memory(self) -> dict[str, int]:
        """Proportional set size in bytes, by what the processes are."""
        supervisor = psutil.Process(self.process.pid)
        sizes: dict[str, int] = {}
        for process in [supervisor, *supervisor.children(recursive=True)]:
            try:
                name, size = kind(process.cmdline()), process.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue
            sizes[name] = sizes.get(name, 0) + size
        return sizes

    def stop(self) -> float:
        """Seconds from Ctrl-C to the end."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        return time.monotonic() - began


def kind(command: list[str]) -> str:
    """What a process is, by its command line."""
    words = " ".join(command)
    for mark, name in (
        ("manage.py up", "supervisor"),
        ("manage.py web", "web"),
        ("manage.py worker", "worker"),
        ("manage.py beat", "beat"),
        ("manage.py agent", "agent"),
        ("registry.mlflow.serve", "mlflow"),
        ("redis-server", "redis"),
        ("postgres", "postgres"),
    ):
        if mark in words:
            return name
    return "other"


def main() -> int:
    """Measure, print, and compare with the floors."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print figures as JSON only")
    parser.add_argument("--rounds", type=int, default=3, help="warm starts (3)")
    parser.add_argument("--rest", type=float, default=30.0, help="seconds of rest before memory is read (30)")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="bench-", dir="/tmp"))
    try:
        portal = Portal(home)
        cold = portal.seconds_until("/sign-in/")
        portal.stop()
        warm, everything, stops = [], [], []
        for number in range(options.rounds):
            portal = Portal(home)
            warm.append(portal.seconds_until("/sign-in/"))
            everything.append(portal.seconds_until("/readyz?all=1"))
            if number == options.rounds - 1:
                for path in ("/sign-in/", "/api/schema/", "/api/"):
                    portal.seconds_until(path)
                time.sleep(options.rest)
                memory = portal.memory()
            stops.append(portal.stop())
    finally:
        shutil.rmtree(home, ignore_errors=True)
    figures = {
        "sign_in_cold_s": round(cold, 2),
        "sign_in_warm_s": round(statistics.median(warm), 2),
        "every_engine_ready_s": round(statistics.median(everything), 2),
        "stop_s": round(statistics.median(stops), 2),
        "idle_pss_mb": round(sum(memory.values()) / 1e6, 1),
        "idle_pss_mb_by_process": {name: round(size / 1e6, 1) for name, size in sorted(memory.items())},
    }
    print(json.dumps(figures, indent=None if options.json else 2))
    broken = []
    if figures["sign_in_warm_s"] > WARM_SECONDS:
        broken.append(f"the sign-in page took more than {WARM_SECONDS} s")
    if sum(memory.values()) > IDLE_BYTES:
        broken.append(f"the processes take more than {IDLE_BYTES / 1e9} GB")
    for line in broken:
        print(line, file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
