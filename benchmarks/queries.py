"""What a page asks of PostgreSQL on a live request: counted from the server's own log, not inside a test.

    .venv/bin/python -m benchmarks.queries [--home HOME] [--json]

Starts a portal (`manage.py up`) in a home of its own, or in one that has data: `--home` takes a stopped one, with
`--user` and `--password`. Signs in, follows every link of the project once, and counts the statements of the web role
for each page by what they are: reads and writes, the scope's `set_config`, and the begin and end of transactions.
Ends with status 1 where a page makes more than 15 queries (reads, writes and scopes).
"""

import argparse
import collections
import json
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psycopg

from benchmarks.startup import Portal
from benchmarks.upload_memory import command

MOST = 15
PASSWORD = "granite otter lantern 42"  # of a portal that lives for a minute
_LINE = re.compile(r"portal_app LOG:  (?:statement|execute [^:]*): *\n?\t?(.*)")
_KINDS = (
    ("transaction", re.compile(r"(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)\b")),
    ("scope", re.compile(r"SELECT set_config\(")),
    ("write", re.compile(r"(INSERT|UPDATE|DELETE)\b")),
)


def kind(statement: str) -> str:
    """What a statement is: transaction, scope, write or read."""
    return next((name for name, begins in _KINDS if begins.match(statement)), "read")


def log_statements(home: Path) -> None:
    """Have PostgreSQL log every statement with the role that sent it, on connections made from now on."""
    address = f"postgresql://portal_superuser@/portal?host={home}/run/postgres&port=5432"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET log_statement = 'all'")
        connection.execute("ALTER SYSTEM SET log_line_prefix = '%m [%p] %u '")
        connection.execute("SELECT pg_reload_conf()")


def sign_in(client: httpx.Client, username: str, password: str) -> None:
    """Sign in by the form; a one-time password is changed."""
    answer = _post(client, "/sign-in/", {"username": username, "password": password})
    if answer.url.path == "/password/":
        answer = _post(client, "/password/", {"current": password, "password": PASSWORD, "again": PASSWORD})
    if answer.url.path in ("/sign-in/", "/password/"):
        raise SystemExit(f"{username} could not sign in: still at {answer.url.path}")


def _post(client: httpx.Client, path: str, fields: dict[str, str]) -> httpx.Response:
    form = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(path).text)
    fields["csrfmiddlewaretoken"] = form[1] if form else ""
    return client.post(path, data=fields, headers={"Referer": str(client.base_url)})


def count(home: Path, client: httpx.Client) -> dict[str, dict[str, int]]:
    """Follow every link below the first project; statements by page and kind."""
    log = home / "logs/postgres.log"
    waiting, pages = ["/"], {}
    while waiting:
        path = waiting.pop(0)
        if path in pages:
            continue
        client.get(path)  # warm: compiled templates and known keys are not what is counted
        time.sleep(0.5)
        start = log.stat().st_size
        answer = client.get(path)
        time.sleep(0.5)
        if "text/html" not in answer.headers.get("content-type", ""):
            continue
        with log.open("rb") as file:
            file.seek(start)
            statements = _LINE.findall(file.read().decode(errors="replace"))
        pages[path] = dict(collections.Counter(map(kind, statements)))
        waiting += re.findall(r'href="(/projects/[^"?#]*/)"', answer.text)
    return pages


def measure(home: Path, username: str, password: str) -> dict[str, dict[str, int]]:
    """Start the portal, make somebody to sign in as where nobody was named, and count."""
    portal = Portal(home)
    try:
        portal.seconds_until("/readyz?all=1")
        if not username:
            username = "bench"
            password = command(home, "createuser", username)["one_time_password"]
            command(home, "createaccount", "Bench", "--kind", "general", "--owner", username)
        log_statements(home)
        with httpx.Client(
            base_url=f"http://127.0.0.1:{portal.port}", follow_redirects=True, timeout=60
        ) as client:
            sign_in(client, username, password)
            return count(home, client)
    finally:
        portal.stop()


def main() -> int:
    """Measure, print, and compare with the floor."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--home", type=Path, help="a stopped portal's home (a new one)")
    parser.add_argument("--user", default="", help="who signs in there")
    parser.add_argument("--password", default="")
    parser.add_argument("--json", action="store_true", help="print figures as JSON on one line")
    options = parser.parse_args()
    home = options.home or Path(tempfile.mkdtemp(prefix="bench-", dir="/tmp"))
    try:
        pages = measure(home, options.user, options.password)
    finally:
        if options.home is None:
            shutil.rmtree(home, ignore_errors=True)
    queries = {
        path: sum(number for name, number in kinds.items() if name != "transaction")
        for path, kinds in pages.items()
    }
    if options.json:
        print(json.dumps({"pages": pages, "most": max(queries.values())}))
    else:
        for path, kinds in sorted(pages.items()):
            print(f"{queries[path]:3d}  {path}  {kinds}")
    broken = [path for path, number in queries.items() if number > MOST]
    for path in broken:
        print(f"{path} makes {queries[path]} queries; {MOST} are allowed", file=sys.stderr)
    return 1 if broken or not pages else 0


if __name__ == "__main__":
    sys.exit(main())
