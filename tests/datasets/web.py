"""The web process as it runs in production, for tests that kill it, measure it, or read from it with other tools."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import httpx
from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]
# Loading the certificate authorities takes longer than any of these requests.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class WebProcess:
    """`manage.py web` on a port that stays the same over restarts."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("PORTAL_", "DATABASE_"))
        }
        self._environment = {
            **kept,
            **environment,
            "PORTAL_HOME": str(settings.HOME),
            "PORTAL_PORT": str(self.port),
            "PORTAL_DATABASE_ROLE": "app",
            "PORTAL_DISK_RESERVE_BYTES": "0",
        }
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until it answers."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "web"],
                env=self._environment,
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        until = time.monotonic() + 120
        while True:
            try:
                with httpx.Client(verify=NO_TLS, trust_env=False) as client:
                    if client.get(f"{self.url}/livez", timeout=2).status_code == 200:
                        return
            except httpx.TransportError:
                pass
            if self._process.poll() is not None or time.monotonic() > until:
                raise AssertionError(self._log.read_text()[-4000:])
            time.sleep(0.1)

    def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is flushed."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """End it, however it is."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()

    def rss(self) -> int:
        """Bytes of memory that the process holds now."""
        return _status(self.pid, "VmRSS")

    def peak(self) -> int:
        """The most bytes of memory that it has held since `forget_peak`."""
        return _status(self.pid, "VmHWM")

    def forget_peak(self) -> None:
        """Begin to measure the peak from now on (`man 5 proc`, clear_refs)."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


def _status(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _colon, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    raise LookupError(field)
