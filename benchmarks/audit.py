"""What the audit log costs: reads on record, CPU a record, verification, sealing delay.

    .venv/bin/python -m benchmarks.audit [--rows N] [--reads N] [--requests N]

Runs on engines of its own in a throwaway home. Prints JSON: rates per second, CPU in milliseconds, times in seconds.
Ratios compare with a peer in the same run: reads without a record, rows inserted one per transaction, `sha256` alone.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

_HOME = Path(tempfile.mkdtemp(prefix="portal-bench-"))
for _name in (
    "DATABASE_URL",
    "DATABASE_SYSTEM_URL",
    "DATABASE_OWNER_URL",
    "MLFLOW_DATABASE_URL",
    "REDIS_URL",
):
    os.environ.pop(_name, None)
os.environ |= {
    "PORTAL_HOME": str(_HOME),
    "PORTAL_DATABASE_ROLE": "app",
    "DJANGO_SETTINGS_MODULE": "portal.settings",
    "PORTAL_LOG_LEVEL": "ERROR",
    "PORTAL_DATABASE_POOL_SIZE": "40",
}

import django  # noqa: E402  # after the environment it reads

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from accounts import audit  # noqa: E402
from accounts.audit import Target, batch, proofs, sealing  # noqa: E402
from accounts.audit.batch import record_read  # noqa: E402
from accounts.audit.keys import trusted_ring  # noqa: E402
from accounts.audit.verification import verify_log  # noqa: E402
from accounts.tenancy import scope  # noqa: E402
from portal.engines.postgres import Postgres  # noqa: E402
from tests.cast import Cast, assemble  # noqa: E402

ALICE = audit.Actor("user", "01900000-0000-7000-8000-000000000001", "alice")
Figures = dict[str, Any]


def become(role: str) -> None:
    """Work as one of the portal's roles from now on."""
    connection.close()
    connection.close_pool()
    settings.DATABASE_ROLE = role
    connection.settings_dict["USER"] = f"portal_{role}"


@contextmanager
def engines() -> Iterator[Postgres]:
    """PostgreSQL with the portal's tables."""
    with ExitStack() as stack:
        postgres = Postgres(settings.LOCATIONS)
        stack.enter_context(postgres.running())
        become("owner")
        call_command("migrate", verbosity=0, interactive=False)
        become("app")
        try:
            yield postgres
        finally:
            connection.close()
            connection.close_pool()


def cpu() -> float:
    """CPU seconds of this process so far, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def at_once(threads: int, each: int, work: Callable[[int], None]) -> tuple[float, float]:
    """Run `work` so often in so many threads; return wall and CPU seconds."""

    errors: list[BaseException] = []

    def run(seed: int) -> None:
        try:
            for number in range(each):
                work(seed * each + number)
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    crowd = [threading.Thread(target=run, args=[seed]) for seed in range(threads)]
    wall, used = time.perf_counter(), cpu()
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    taken = time.perf_counter() - wall, cpu() - used
    if errors:
        raise errors[0]
    return taken


def batched(account_id: UUID, count: int) -> Figures:
    """Readings put on record by 32 requests at a time, each waiting for its commit; and one by one, for comparison."""
    about = Target("project", str(account_id), "acme-1234")

    def read(number: int) -> None:
        with audit.acting_as(ALICE, via="api", request_id=f"r{number}", ip="192.0.2.1", user_agent="curl/8"):
            record_read("dataset.read", account_id, about, path=f"/api/v1/projects/acme/datasets/{number}")

    def alone(number: int) -> None:
        with audit.acting_as(ALICE, via="api", request_id=f"r{number}"), scope(account_id):
            audit.record("dataset.read", about, detail={"path": f"/{number}"})

    read(0)
    wall, used = at_once(32, count // 32, read)
    done = count // 32 * 32
    few = max(count // 10, 320)
    alone_wall, alone_cpu = at_once(32, few // 32, alone)
    latencies = []
    for number in range(200):
        started = time.perf_counter()
        read(number)
        latencies.append(time.perf_counter() - started)
    return {
        "batched_reads_per_s": round(done / wall),
        "batched_cpu_ms": round(1000 * used / done, 3),
        "one_by_one_per_s": round(few / alone_wall),
        "one_by_one_cpu_ms": round(1000 * alone_cpu / few, 3),
        "lone_read_ms_median": round(1000 * statistics.median(latencies), 2),
    }


def requests(cast: Cast, count: int) -> Figures:
    """Whole API reads through Django, with their records and without, in turns, and the CPU time of recording alone.

    What a request costs varies by more than a record does, so the record's time is taken in its two threads: in the
    request's while it hands the row over and waits, in the writer's while it commits.
    """
    import projects.doors.door as door

    bearer = cast.bearer("bob")
    url = f"{cast.url}/datasets"
    client = Client(HTTP_HOST="localhost")
    spent: list[float] = []
    recorded, committed = door.record_read, batch.writer._commit

    def timed(work: Callable[..., None]) -> Callable[..., None]:
        def run(*arguments: Any, **options: Any) -> None:
            started = time.thread_time()
            work(*arguments, **options)
            spent.append(time.thread_time() - started)

        return run

    def ask(_number: int) -> None:
        assert client.get(url, **bearer).status_code == 200

    def rounds(record: Callable[..., None]) -> float:
        door.record_read = record
        try:
            return at_once(4, count // 4, ask)[0]
        finally:
            door.record_read = recorded

    ask(0)  # the first request of a process loads what is loaded once, for all threads
    rounds(recorded)
    with_record, without = [], []
    for _turn in range(3):
        with_record.append(rounds(recorded))
        without.append(rounds(lambda *_arguments, **_options: None))
    batch.writer._commit = timed(committed)  # type: ignore[method-assign]
    try:
        rounds(timed(recorded))
    finally:
        batch.writer._commit = committed  # type: ignore[method-assign]
    return {
        "api_reads_per_s_with_record": round(count / min(with_record)),
        "api_reads_per_s_without": round(count / min(without)),
        "cpu_added_ms": round(1000 * sum(spent) / (count // 4 * 4), 3),
    }


def verification(postgres: Postgres, account_id: UUID, count: int) -> Figures:
    """Seal many rows, then verify them; beside hashing as many lines of that length."""
    with postgres.connect("portal") as session:
        session.execute("SET search_path = portal")
        session.execute(
            "INSERT INTO accounts_auditevent SELECT gen_random_uuid(), now() - n * interval '1 ms', %s, 'user',"
            " '01900000-0000-7000-8000-000000000001', 'alice', '', 'dataset.download', 'dataset',"
            " '01900000-0000-7000-8000-000000000002', 'wafers-' || n, 'ok', 'api', '192.0.2.1', 'curl/8.5',"
            " md5(n::text), jsonb_build_object('bytes', n, 'files', 3) FROM generate_series(1, %s) n",
            [account_id, count],
        )
        session.execute("ANALYZE accounts_auditevent")
    become("system")
    started = time.perf_counter()
    sealed = sealing.seal_all().sealed
    sealing_seconds = time.perf_counter() - started
    with postgres.connect("portal") as session:
        session.execute("ANALYZE portal.accounts_auditleaf")
    best, own = 0.0, 0.0
    for _turn in range(3):
        started, used = time.perf_counter(), cpu()
        report = verify_log(account_id, trusted_ring())
        taken = time.perf_counter() - started
        assert report.well, report.findings[:3]
        best, own = max(best, report.rows / taken), max(own, report.rows / (cpu() - used))
    line = b"x" * 260
    started = time.perf_counter()
    for _number in range(200_000):
        hashlib.sha256(b"\x00" + line).digest()
    bare = 200_000 / (time.perf_counter() - started)
    become("app")
    return {
        "rows": report.rows,
        "sealed_per_s": round(sealed / sealing_seconds),
        "verified_per_s": round(best),
        # Of this process alone: what a core to itself would do; PostgreSQL works on another one.
        "verified_per_cpu_s": round(own),
        "of_bare_sha256": round(best / bare, 2),
    }


def proving(account_id: UUID, size: int) -> Figures:
    """Prove single rows and pairs of checkpoints of the log that was sealed in bulk: the worst case for frontiers."""
    become("system")
    taken: list[float] = []
    for number in range(40):
        started = time.perf_counter()
        proofs.inclusion(account_id, number * (size - 1) // 39)
        taken.append((time.perf_counter() - started) * 1000)
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(sequence) FROM accounts_auditcheckpoint WHERE log_id = %s", [account_id])
        last = cursor.fetchone()[0]
    pairs: list[float] = []
    for first in {1, last // 3 or 1, last // 2 or 1, last}:
        started = time.perf_counter()
        proofs.consistency(account_id, first, last)
        pairs.append((time.perf_counter() - started) * 1000)
    become("app")
    return {
        "proof_median_ms": round(statistics.median(taken), 1),
        "proof_worst_ms": round(max(taken), 1),
        "consistency_worst_ms": round(max(pairs), 1),
        "checkpoints": last,
    }


def delay(account_id: UUID, seconds: float) -> Figures:
    """The clock's sweep every second beside a writer: from a row's commit to the checkpoint that holds it."""
    become("system")
    stop = threading.Event()

    def sweep() -> None:
        while not stop.wait(1.0):
            sealing.seal_all()
        connection.close()

    clock = threading.Thread(target=sweep)
    clock.start()
    committed: dict[str, float] = {}
    until = time.monotonic() + seconds
    with audit.acting_as(audit.SYSTEM, via="task"):
        while time.monotonic() < until:
            with scope(account_id):
                event = audit.record("delay.measured")
            committed[str(event.pk)] = time.time()
            time.sleep(0.01)
    time.sleep(3)
    stop.set()
    clock.join()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT l.event_id::text, extract(epoch FROM min(c.at)) FROM accounts_auditleaf l"
            " JOIN accounts_auditcheckpoint c ON c.log_id = l.log_id AND c.size > l.index"
            " WHERE l.event_id = ANY(%s::uuid[]) GROUP BY 1",
            [list(committed)],
        )
        waits = sorted(float(at) - committed[pk] for pk, at in cursor.fetchall())
    assert len(waits) == len(committed)
    become("app")
    return {
        "sealing_delay_median_s": round(statistics.median(waits), 2),
        "sealing_delay_worst_s": round(waits[-1], 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--reads", type=int, default=20_000)
    parser.add_argument("--requests", type=int, default=400)
    given = parser.parse_args()
    figures: Figures = {"load_before": round(os.getloadavg()[0], 1)}
    try:
        with engines() as postgres:
            cast = assemble()
            account_id = cast.acme.account_id
            figures |= batched(account_id, given.reads)
            figures |= requests(cast, given.requests)
            figures |= verification(postgres, account_id, given.rows)
            figures |= proving(account_id, figures["rows"])
            figures |= delay(account_id, 10.0)
            batch.writer._drop()
    finally:
        shutil.rmtree(_HOME, ignore_errors=True)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
