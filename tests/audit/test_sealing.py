"""Nothing is skipped, reordered or sealed twice: not by slow transactions, rival sealers or a kill in the middle."""

import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import psycopg
import pytest
from django.db import connection

from accounts import audit
from accounts.audit import keys, rows, sealing
from accounts.audit.keys import KeyTrouble, key_file
from accounts.audit.verify_export import Tree, leaf_hash
from accounts.crypto.signing import new_seed
from accounts.tenancy import scope
from tests.audit.conftest import SealedLogs, seal, write
from tests.cast import Cast
from tests.engines.fixtures import CommittedDatabase, Engines, become

INSERT = """
    INSERT INTO accounts_auditevent SELECT %s::uuid, now(), %s, 'user', '', 'slow', '', 'slow.write', '', '', '', 'ok',
    'api', '', '', '', '{}'
"""


def sealed_order(database: CommittedDatabase, engines: Engines, log_id: Any) -> list[str]:
    with engines.postgres.connect(database.name) as session:
        found = session.execute(
            "SELECT event_id::text FROM portal.accounts_auditleaf WHERE log_id = %s ORDER BY index", [log_id]
        )
        return [row[0] for row in found.fetchall()]


def test_a_slow_transaction_is_sealed_later_and_nothing_moves(logs: SealedLogs) -> None:
    """Its id and time are the smallest, its queue number too: it was first in everything but its commit."""
    early = "01800000-0000-7000-8000-000000000001"
    with logs.engines.postgres.connect(logs.database.name) as session:
        session.execute("SET search_path = portal")
        session.execute("SET ROLE portal_app")
        with session.transaction():
            session.execute("SELECT set_config('portal.account', %s, true)", [str(logs.acme)])
            session.execute(INSERT, [early, logs.acme])
            write(logs.acme, 3)
            before = seal()
            assert before == 3, "the slow one waits for nobody, and nobody for it"
            order = sealed_order(logs.database, logs.engines, logs.acme)
            assert early not in order
            assert seal() == 0
    assert seal() == 1
    assert sealed_order(logs.database, logs.engines, logs.acme) == [*order, early]
    assert logs.findings() == []


def test_many_writers_and_two_sealers_lose_nothing(logs: SealedLogs) -> None:
    """Writers hold their transactions open for a while each; rival sealers run all the time."""
    environment = logs.database.environment()
    written: list[str] = []
    lock, stop, errors = threading.Lock(), threading.Event(), []

    def writer(seed: int) -> None:
        with psycopg.connect(environment["DATABASE_URL"], options="-c search_path=portal") as session:
            for turn in range(25):
                pk = f"0190{seed:04d}-0000-7000-8000-{turn:012d}"
                with session.transaction():
                    session.execute("SELECT set_config('portal.account', %s, true)", [str(logs.acme)])
                    session.execute(INSERT, [pk, logs.acme])
                    time.sleep(0.002 * ((seed + turn) % 7))
                with lock:
                    written.append(pk)

    def sealer() -> None:
        try:
            while not stop.is_set():
                sealing.seal_all(limit=7)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    with become("system"):
        sealers = [threading.Thread(target=sealer) for _ in range(2)]
        writers = [threading.Thread(target=writer, args=[seed]) for seed in range(6)]
        for thread in (*sealers, *writers):
            thread.start()
        for thread in writers:
            thread.join()
        time.sleep(0.3)
        stop.set()
        for thread in sealers:
            thread.join()
    seal()
    assert errors == []
    order = sealed_order(logs.database, logs.engines, logs.acme)
    assert len(order) == len(set(order))
    assert set(written) <= set(order)
    assert len(written) == 150
    assert logs.findings() == []


SEALER = """
import os, sys
import django
django.setup()
from django.db import connection
from accounts.audit import sealing

def until(step):
    count = 0
    def execute(run, sql, params, many, context):
        nonlocal count
        result = run(sql, params, many, context)
        count += 1
        if count == step:
            os.kill(os.getpid(), 9)
        return result
    with connection.execute_wrapper(execute):
        sealing.seal(limit=1000)

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        until(int(line))
        os._exit(0)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def test_a_kill_at_any_statement_seals_all_or_nothing(logs: SealedLogs) -> None:
    """SIGKILL after each statement that the sealer sends, one after another, until it gets to the end."""
    environment = {**os.environ, **logs.database.environment(), "PORTAL_DATABASE_ROLE": "system"}
    kills, status = 0, signal.SIGKILL
    with subprocess.Popen(
        [sys.executable, "-c", SEALER],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        while True:
            write(logs.acme, 3)
            write(logs.globex, 2)
            process.stdin.write(f"{kills + 1}\n")
            process.stdin.flush()
            status = int(process.stdout.readline())
            if status == 0:
                break
            assert status == signal.SIGKILL
            kills += 1
            assert kills < 200
        process.stdin.close()
    assert kills >= 10
    seal()
    order = sealed_order(logs.database, logs.engines, logs.acme)
    assert len(order) == len(set(order))
    with become("system"), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_auditpending")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT count(*) FROM accounts_auditevent WHERE account_id = %s", [logs.acme])
        assert cursor.fetchone() == (len(order),)
    assert logs.findings() == []


def test_sealing_neither_needs_nor_changes_the_rows(committed_cast: Cast) -> None:
    with become("system"), connection.cursor() as cursor:
        for statement in (
            "UPDATE accounts_auditleaf SET index = index",
            "DELETE FROM accounts_auditcheckpoint",
            "TRUNCATE accounts_auditglobal",
            "UPDATE accounts_auditkey SET body = ''",
            "DELETE FROM accounts_auditdisposal",
            "INSERT INTO accounts_auditpending (log_id, event_id, event_at) SELECT log_id, event_id, event_at"
            " FROM accounts_auditpending",
        ):
            with pytest.raises(Exception, match=r"permission denied|append-only"):
                cursor.execute(statement)
    with connection.cursor() as cursor, pytest.raises(Exception, match="permission denied"):
        cursor.execute("DELETE FROM accounts_auditpending")


def test_the_web_cannot_write_what_seals(committed_cast: Cast) -> None:
    account = committed_cast.acme.account_id
    for table, columns in (
        ("accounts_auditleaf", "(log_id, index, event_id, event_at, hash) VALUES (%s, 0, %s, now(), '')"),
        (
            "accounts_audithead",
            "(log_id, sequence, size, root, digest, at) VALUES (%s, 1, 1, '', %s::text, now())",
        ),
    ):
        with (
            pytest.raises(Exception, match="permission denied"),
            scope(account),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"INSERT INTO {table} {columns}", [account, account])


def test_another_tenants_seals_are_not_there(logs: SealedLogs) -> None:
    with scope(logs.acme), connection.cursor() as cursor:
        for table in ("accounts_auditleaf", "accounts_auditcheckpoint", "accounts_audithead"):
            cursor.execute(f"SELECT DISTINCT log_id FROM {table}")
            assert cursor.fetchall() == [(logs.acme,)]
        cursor.execute("SELECT count(*) FROM accounts_auditglobal")
        assert cursor.fetchone() == (0,)


def test_a_sealed_row_is_hashed_as_documented(logs: SealedLogs) -> None:
    """The canonical line that PostgreSQL writes, and the one that an outsider makes of an export, are the same."""
    from accounts.audit.export import columns_of
    from accounts.audit.verify_export import canonical

    with become("system"):
        found = list(rows.leaves(logs.acme, 0, 100))
    tree = Tree()
    for _index, stored, _event, _partition, line in found:
        assert line is not None
        assert canonical(columns_of(line)) == line
        assert leaf_hash(line) == stored
        tree.append(stored)
    assert len(found) == logs.size(logs.acme)
    assert any(b"\\\\N" in (line or b"") for *_x, line in found), "the awkward rows are among them"


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 100])
def test_the_tree_is_that_of_rfc_6962(size: int) -> None:
    """Against the definition by recursion (section 2.1), and going on from a frontier."""
    import hashlib

    def root(leaves: list[bytes]) -> bytes:
        if not leaves:
            return hashlib.sha256(b"").digest()
        if len(leaves) == 1:
            return leaves[0]
        k = 1 << (len(leaves) - 1).bit_length() - 1
        return hashlib.sha256(b"\x01" + root(leaves[:k]) + root(leaves[k:])).digest()

    leaves = [leaf_hash(str(n).encode()) for n in range(size)]
    tree = Tree()
    for leaf in leaves:
        tree = Tree(tree.size, tree.frontier)
        tree.append(leaf)
    assert tree.root() == root(leaves)


def test_known_answers() -> None:
    """The roots of RFC 6962's reference implementation for the leaves "", 0x00, 0x10, 0x2021, 0x3031 …"""
    inputs = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    tree = Tree()
    for text in inputs:
        tree.append(leaf_hash(bytes.fromhex(text)))
    assert tree.root().hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def test_the_key_can_be_followed_by_another(logs: SealedLogs) -> None:
    with become("system"):
        first = keys.signing_key().fingerprint
        second = keys.rotate().fingerprint
        assert keys.signing_key().fingerprint == second != first
    write(logs.acme, 2)
    assert seal() == 2
    assert logs.findings() == []
    with become("system"):
        from_the_old_one = keys.ring_of([first])
        assert set(from_the_old_one.keys) == {first, second}
        assert keys.ring_of(["ab" * 32]).keys == {}


def test_a_rotation_cut_short_is_finished(logs: SealedLogs) -> None:
    old = key_file().read_text()
    with become("system"):
        made = keys.rotate().fingerprint
    # As a kill between the commit and the renaming leaves it.
    key_file().replace(key_file().with_name("audit_key.next"))
    key_file().write_text(old)
    write(logs.acme, 1)
    assert seal() == 1
    with become("system"):
        assert keys.signing_key().fingerprint == made
    assert logs.findings() == []


def test_a_key_that_was_replaced_signs_nothing_more(logs: SealedLogs) -> None:
    old = key_file().read_text()
    with become("system"):
        keys.rotate()
    key_file().write_text(old)
    key_file().with_name("audit_key.next").unlink(missing_ok=True)
    write(logs.acme, 1)
    with pytest.raises(KeyTrouble):
        seal()


def test_a_stranger_key_seals_nothing(logs: SealedLogs) -> None:
    from accounts.crypto.signing import write_seed

    write_seed(key_file(), new_seed())
    write(logs.acme, 1)
    with pytest.raises(KeyTrouble):
        seal()


def test_rows_from_before_sealing_are_sealed_too(committed_cast: Cast) -> None:
    with become("system"):
        assert sealing.backlog()["count"] > 0
    assert seal() > 0
    with become("system"):
        assert sealing.backlog() == {"count": 0, "oldest": None}


def test_a_batch_in_one_statement_keeps_its_order(committed_cast: Cast) -> None:
    from accounts.models import AuditEvent

    account = committed_cast.acme.account_id
    seal()
    with audit.acting_as(audit.SYSTEM, via="task"), scope(account):
        made = [audit.record("a.b") for _ in range(3)]
        assert AuditEvent.objects.filter(account_id=account).count() >= 3
    seal()
    with become("system"):
        order = [event for _i, _h, event, *_x in rows.leaves(account, 0, 1000)]
    assert order[-3:] == [str(event.pk) for event in made]
