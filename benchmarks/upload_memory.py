"""How far the web processes' memory grows while a big file is uploaded, finished, and read back.

    .venv/bin/python -m benchmarks.upload_memory [--size BYTES] [--json]

Starts a portal of its own (`manage.py up`), and sends --size bytes (2 GiB) twice: in one request, and resumably in
requests of 8 MiB, as a browser does. Growth is the peak resident set of a web process over what it held before, in
MiB; the largest of all web processes counts. Ends with status 1 where it is 64 MiB or more, or where what comes back
is not what was sent.
"""

import argparse
import hashlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from benchmarks.startup import ROOT, Portal, kind

FLOOR_MIB = 64.0
PIECE = 1 << 20
REQUEST = 8 << 20
_SOURCE = os.urandom(PIECE)


def pieces(size: int, start: int = 0) -> Iterator[bytes]:
    """Yield the bytes from `start` up to `size` of a file in which no two mebibytes are alike."""
    while start < size:
        index, within = divmod(start, PIECE)
        piece = (index.to_bytes(8, "big") + _SOURCE[8:])[within : within + size - start]
        start += len(piece)
        yield piece


class Web:
    """The web processes of a portal, and a client's one connection to them."""

    def __init__(self, portal: Portal, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", portal.port, timeout=600)
        self._headers = {"Authorization": f"Bearer {token}"}
        below = psutil.Process(portal.process.pid).children(recursive=True)
        self._processes = [process.pid for process in below if kind(process.cmdline()) == "web"]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request; returns the JSON of the answer, and ends the program where it is an error."""
        if isinstance(body, dict):
            body, headers["Content-Type"] = json.dumps(body), "application/json"
        self._connection.request(method, path, body=body, headers={**self._headers, **headers})
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {text.decode(errors='replace')}")
        return json.loads(text) if text else None

    def digest(self, path: str) -> str:
        """Read a file and return its SHA-256."""
        self._connection.request("GET", path, headers=self._headers)
        answer, digest = self._connection.getresponse(), hashlib.sha256()
        while piece := answer.read(PIECE):
            digest.update(piece)
        return digest.hexdigest()

    def growth(self, work: Callable[[], Any]) -> tuple[Any, float, float]:
        """Return what `work` returns, seconds, and by how many MiB the memory of a web process rose meanwhile."""
        before = {}
        for pid in self._processes:
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak counts from now
            before[pid] = _status(pid, "VmRSS")
        started = time.monotonic()
        result = work()
        seconds = time.monotonic() - started
        rose = max(_status(pid, "VmHWM") - before[pid] for pid in self._processes)
        return result, seconds, rose / (1 << 20)


def _status(pid: int, field: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = next(line for line in lines if line.startswith(f"{field}:"))
    return int(found.split()[1]) * 1024


def command(home: Path, *arguments: str) -> Any:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PORTAL_", "DATABASE_"))
    }
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**kept, "PORTAL_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(
        done.stdout.splitlines()[-1] if not done.stdout.lstrip().startswith("{") else done.stdout
    )


def _resumably(web: Web, api: str, size: int) -> Any:
    web.call("POST", f"{api}/versions", {})
    upload = web.call("POST", f"{api}/versions/2/uploads", {"path": "again.bin", "size": size})
    for offset in range(0, size, REQUEST):
        body = b"".join(pieces(min(size, offset + REQUEST), offset))
        web.call("PUT", upload["url"], body, **{"Upload-Offset": str(offset)})
    return web.call("POST", f"{upload['url']}/finish")


def measure(home: Path, size: int) -> tuple[dict[str, Any], list[str]]:
    """Return the figures, and what is wrong with them."""
    portal = Portal(home)
    try:
        portal.seconds_until("/readyz")
        command(home, "createuser", "bench")
        slug = command(home, "createaccount", "Bench", "--kind", "general", "--owner", "bench")["project"]
        token = command(home, "createtoken", "--user", "bench", "--project", slug)["token"]
        web = Web(portal, token)
        api = f"/api/v1/projects/{slug}/datasets/big"
        web.call("POST", api.removesuffix("/big"), {"name": "big"})
        web.call("GET", api)
        length = {"Content-Length": str(size)}
        whole, whole_s, whole_mib = web.growth(
            lambda: web.call("PUT", f"{api}/upload?path=big.bin", pieces(size), **length)
        )
        file, parts_s, parts_mib = web.growth(lambda: _resumably(web, api, size))
        read, read_s, read_mib = web.growth(lambda: web.digest(f"{api}/versions/1/files/big.bin"))
    finally:
        portal.stop()
    digest = hashlib.sha256()
    for piece in pieces(size):
        digest.update(piece)
    wrong = [
        f"{name} gives another SHA-256"
        for name, found in (("the upload in parts", file["sha256"]), ("the download", read))
        if found != digest.hexdigest()
    ]
    figures = {
        "size_bytes": whole["size"],
        "one_request": {"seconds": round(whole_s, 2), "growth_mib": round(whole_mib, 1)},
        "in_parts_of_8_mib": {"seconds": round(parts_s, 2), "growth_mib": round(parts_mib, 1)},
        "download": {"seconds": round(read_s, 2), "growth_mib": round(read_mib, 1)},
    }
    grown = max(whole_mib, parts_mib, read_mib)
    if grown >= FLOOR_MIB:
        wrong.append(f"a web process grew by {grown:.0f} MiB; {FLOOR_MIB:.0f} are allowed")
    return figures, wrong


def main() -> int:
    """Measure, print, and compare with the floor."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=2 << 30, help="bytes (2 GiB)")
    parser.add_argument("--json", action="store_true", help="print figures as JSON on one line")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="bench-", dir="/tmp"))
    try:
        figures, wrong = measure(home, options.size)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(json.dumps(figures, indent=None if options.json else 2))
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
