"""Whoever owns the database can change it; verification finds and names what was changed."""

from typing import Any

import pytest

from accounts.audit.verify_export import (
    CHECKPOINT,
    NOTHING,
    Signed,
    Tree,
    digest,
    fields_of,
    statement,
)
from accounts.audit.whole import global_chain
from accounts.crypto.signing import SigningKey, new_seed
from accounts.models.audit_seal import AuditCheckpoint
from tests.audit.conftest import SealedLogs, seal, write
from tests.engines.fixtures import become

Session = "psycopg.Connection[Any]"


def leaf_at(session: Any, logs: SealedLogs, index: int) -> tuple[str, Any, bytes]:
    """A leaf of acme's log: event, time, hash."""
    found = session.execute(
        "SELECT event_id::text, event_at, hash FROM accounts_auditleaf WHERE log_id = %s AND index = %s",
        [logs.acme, index],
    ).fetchone()
    assert found is not None
    return found  # type: ignore[no-any-return]


def test_untouched_logs_are_well(logs: SealedLogs) -> None:
    assert logs.findings() == []
    assert logs.size(logs.acme) >= 21


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor_label", "somebody else"),
        ("outcome", "denied"),
        ("detail", '{"reason": "another"}'),
        ("account_id", None),
        ("ip", "198.51.100.9"),
        ("at", "2026-01-05T00:00:00Z"),
    ],
)
def test_an_edited_row_is_named(logs: SealedLogs, column: str, value: Any) -> None:
    with logs.tampering() as session:
        event, _at, _hash = leaf_at(session, logs, 9)
        session.execute(f"UPDATE accounts_auditevent SET {column} = %s WHERE id = %s", [value, event])  # type: ignore[arg-type]
    found = logs.findings()
    named = [one for one in found if one.event == event and one.index == 9]
    assert [one.kind for one in named] == ["edited"], found
    assert event in named[0].text


def test_each_column_counts(logs: SealedLogs) -> None:
    columns = [
        "id",
        "actor_kind",
        "actor_id",
        "on_behalf_of",
        "action",
        "target_type",
        "target_id",
        "target_label",
    ]
    columns += ["via", "user_agent", "request_id"]
    with logs.tampering() as session:
        for index, column in enumerate(columns):
            event, _at, _hash = leaf_at(session, logs, index)
            value = "00000000-0000-7000-8000-000000000001" if column == "id" else "x"
            session.execute(f"UPDATE accounts_auditevent SET {column} = %s WHERE id = %s", [value, event])  # type: ignore[arg-type]
    found = {one.index: one.kind for one in logs.findings() if one.index is not None}
    assert found == {0: "deleted", **dict.fromkeys(range(1, len(columns)), "edited")}


def test_a_deleted_row_is_named(logs: SealedLogs) -> None:
    with logs.tampering() as session:
        event, _at, _hash = leaf_at(session, logs, 4)
        session.execute("DELETE FROM accounts_auditevent WHERE id = %s", [event])
    (found,) = logs.findings()
    assert (found.kind, found.index, found.event) == ("deleted", 4, event)


def test_a_row_deleted_with_its_leaf_is_named_by_its_number(logs: SealedLogs) -> None:
    with logs.tampering() as session:
        event, _at, _hash = leaf_at(session, logs, 4)
        session.execute("DELETE FROM accounts_auditevent WHERE id = %s", [event])
        session.execute("DELETE FROM accounts_auditleaf WHERE event_id = %s", [event])
    (found,) = logs.findings()
    assert (found.kind, found.index) == ("deleted", 4)


def test_an_inserted_row_is_named(logs: SealedLogs) -> None:
    pk = "01900000-0000-7000-8000-00000000abcd"
    with logs.tampering() as session:
        event, _at, _hash = leaf_at(session, logs, 4)
        session.execute(
            "INSERT INTO accounts_auditevent SELECT %s, at, account_id, actor_kind, actor_id, 'planted', on_behalf_of,"
            " action, target_type, target_id, target_label, outcome, via, ip, user_agent, request_id, detail"
            " FROM accounts_auditevent WHERE id = %s",
            [pk, event],
        )
    (found,) = logs.findings()
    assert (found.kind, found.event) == ("inserted", pk)


def test_a_row_inserted_with_a_leaf_is_found(logs: SealedLogs) -> None:
    pk = "01900000-0000-7000-8000-00000000abcd"
    with logs.tampering() as session:
        event, _at, _hash = leaf_at(session, logs, 4)
        session.execute(
            "INSERT INTO accounts_auditevent SELECT %s, at, account_id, actor_kind, actor_id, 'planted', on_behalf_of,"
            " action, target_type, target_id, target_label, outcome, via, ip, user_agent, request_id, detail"
            " FROM accounts_auditevent WHERE id = %s",
            [pk, event],
        )
        session.execute(
            "UPDATE accounts_auditleaf SET index = index + 1000 WHERE log_id = %s AND index >= 4", [logs.acme]
        )
        session.execute(
            "UPDATE accounts_auditleaf SET index = index - 999 WHERE log_id = %s AND index >= 1000",
            [logs.acme],
        )
        session.execute(
            "INSERT INTO accounts_auditleaf SELECT log_id, 4, %s, event_at, hash FROM accounts_auditleaf"
            " WHERE event_id = %s",
            [pk, event],
        )
    found = logs.findings()
    assert {"edited", "inserted"} <= {one.kind for one in found}
    assert pk in [one.event for one in found]


def test_reordered_rows_are_named(logs: SealedLogs) -> None:
    with logs.tampering() as session:
        first, second = leaf_at(session, logs, 3), leaf_at(session, logs, 12)
        session.execute("ALTER TABLE accounts_auditleaf DROP CONSTRAINT accounts_auditleaf_event_id_key")
        for index, (event, at, _hash) in ((3, second), (12, first)):
            session.execute(
                "UPDATE accounts_auditleaf SET event_id = %s, event_at = %s WHERE log_id = %s AND index = %s",
                [event, at, logs.acme, index],
            )
    found = logs.findings()
    assert [(one.kind, one.index, one.event) for one in found] == [
        ("reordered", 3, second[0]),
        ("reordered", 12, first[0]),
    ]


@pytest.mark.parametrize("other", [5, 20])
def test_rows_reordered_with_their_leaves_are_found(logs: SealedLogs, other: int) -> None:
    with logs.tampering() as session:
        session.execute("UPDATE accounts_auditleaf SET index = -1 - index WHERE false")
        session.execute("ALTER TABLE accounts_auditleaf DROP CONSTRAINT accounts_auditleaf_index_check")
        for before, after in ((3, -1), (other, 3), (-1, other)):
            session.execute(
                "UPDATE accounts_auditleaf SET index = %s WHERE log_id = %s AND index = %s",
                [after, logs.acme, before],
            )
    found = logs.findings()
    assert {one.kind for one in found} == {"reordered"}, found
    assert all("moved" in one.text for one in found)


def test_a_row_edited_with_its_leaf_is_narrowed_down_to_its_checkpoint(logs: SealedLogs) -> None:
    from accounts.audit.rows import leaves
    from accounts.audit.verify_export import leaf_hash

    with logs.tampering() as session:
        event, _at, _hash = leaf_at(session, logs, 9)
        session.execute("UPDATE accounts_auditevent SET actor_label = 'x' WHERE id = %s", [event])
    with become("system"):
        line = next(iter(leaves(logs.acme, 9, 10)))[4]
    assert line is not None
    with logs.tampering() as session:
        session.execute(
            "UPDATE accounts_auditleaf SET hash = %s WHERE event_id = %s", [leaf_hash(line), event]
        )
    (found,) = logs.findings()
    assert found.kind == "edited"
    assert "rows number" in found.text


def test_a_tail_cut_off_is_found(logs: SealedLogs) -> None:
    size = logs.size(logs.acme)
    with logs.tampering() as session:
        session.execute(
            "DELETE FROM accounts_auditevent WHERE id IN (SELECT event_id FROM accounts_auditleaf"
            " WHERE log_id = %s AND index >= %s)",
            [logs.acme, size - 3],
        )
        session.execute(
            "DELETE FROM accounts_auditleaf WHERE log_id = %s AND index >= %s", [logs.acme, size - 3]
        )
    (found,) = logs.findings()
    assert (found.kind, found.index) == ("truncated", size - 3)
    assert f"{size} rows are sealed, {size - 3} are there" in found.text


def test_a_tail_cut_off_with_its_checkpoints_is_found_by_the_global_ones(logs: SealedLogs) -> None:
    with logs.tampering() as session:
        size = session.execute(
            "SELECT size FROM accounts_auditcheckpoint WHERE log_id = %s AND sequence = 2", [logs.acme]
        ).fetchone()
        assert size is not None
        session.execute(
            "DELETE FROM accounts_auditcheckpoint WHERE log_id = %s AND sequence > 2", [logs.acme]
        )
        session.execute(
            "DELETE FROM accounts_auditevent WHERE id IN (SELECT event_id FROM accounts_auditleaf"
            " WHERE log_id = %s AND index >= %s)",
            [logs.acme, size[0]],
        )
        session.execute(
            "DELETE FROM accounts_auditleaf WHERE log_id = %s AND index >= %s", [logs.acme, size[0]]
        )
    (found,) = logs.findings()
    assert found.kind == "truncated"
    assert str(logs.acme) in found.text
    write(logs.acme, 2)
    write(logs.globex, 1)
    assert seal() == 1, "nothing is signed on top of a log that was cut off; the others go on"


def test_a_log_that_is_gone_is_named(logs: SealedLogs) -> None:
    with logs.tampering() as session:
        for table, column in (
            ("accounts_auditevent", "account_id"),
            ("accounts_auditleaf", "log_id"),
            ("accounts_auditcheckpoint", "log_id"),
            ("accounts_audithead", "log_id"),
        ):
            session.execute(f"DELETE FROM {table} WHERE {column} = %s", [logs.globex])  # type: ignore[arg-type]
    (found,) = logs.findings()
    assert found.kind == "dropped"
    assert str(logs.globex) in found.text
    write(logs.globex, 2)
    seal()
    assert "dropped" in logs.kinds(), "starting it anew hides nothing"


def forge(session: Any, logs: SealedLogs, key: SigningKey) -> None:
    """Rewrite acme's whole log under another key, and the global checkpoints with it."""
    rows = session.execute(
        "SELECT sequence, size, body FROM accounts_auditcheckpoint WHERE log_id = %s ORDER BY sequence",
        [logs.acme],
    ).fetchall()
    leaves = session.execute(
        "SELECT hash FROM accounts_auditleaf WHERE log_id = %s ORDER BY index", [logs.acme]
    ).fetchall()
    tree, previous, total = Tree(), NOTHING, 0
    for sequence, size, body in rows:
        for (hashed,) in leaves[tree.size : size]:
            tree.append(bytes(hashed))
            total += int.from_bytes(bytes(hashed), "big")
        lines = fields_of(body, CHECKPOINT) | {
            "root": tree.root().hex(),
            "sum": f"{total % 2**256:064x}",
            "previous": previous,
            "key": key.fingerprint,
        }
        forged = statement(CHECKPOINT, **lines)
        previous = digest(forged)
        session.execute(
            "UPDATE accounts_auditcheckpoint SET body = %s, signature = %s WHERE log_id = %s AND sequence = %s",
            [forged, key.sign(forged.encode()), logs.acme, sequence],
        )


def test_a_log_forged_with_another_key_is_found(logs: SealedLogs) -> None:
    key = SigningKey(new_seed())
    with logs.tampering() as session:
        forge(session, logs, key)
        session.execute(
            "INSERT INTO accounts_auditkey SELECT %s, 2, %s, replace(replace(body, fingerprint, %s),"
            " encode(public, 'hex'), %s), signature, '', at FROM accounts_auditkey",
            [key.fingerprint, key.public, key.fingerprint, key.public.hex()],
        )
    found = logs.findings()
    forged = [one for one in found if one.kind == "forged"]
    assert any(key.fingerprint[:16] in one.text for one in forged)
    assert all(one.kind == "forged" for one in found)
    write(logs.acme, 1)
    assert seal() == 0, "the sealer signs nothing on top of a forgery"


def test_an_old_database_put_back_is_found_with_a_receipt(logs: SealedLogs) -> None:
    with become("system"):
        old_end = len(global_chain())
    with logs.engines.postgres.connect("postgres") as superuser:
        # What a backup is: the database as it was.
        copy = f"{logs.database.name}_old"
        _disconnect(logs)
        superuser.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{logs.database.name}"')  # type: ignore[arg-type]
    write(logs.acme, 5)
    seal()
    with become("system"):
        receipt = global_chain()[-1]
        own = (
            AuditCheckpoint.objects.get_queryset()
            .unscoped()
            .filter(log_id=logs.acme)
            .order_by("-sequence")[0]
        )
    assert logs.findings(receipt) == []
    _disconnect(logs)
    with logs.engines.postgres.connect("postgres") as superuser:
        superuser.execute(f'DROP DATABASE "{logs.database.name}" WITH (FORCE)')  # type: ignore[arg-type]
        superuser.execute(f'ALTER DATABASE "{copy}" RENAME TO "{logs.database.name}"')  # type: ignore[arg-type]
    assert logs.findings() == [], "by itself an old database is a good one"
    (found,) = logs.findings(receipt)
    assert found.kind == "restored"
    assert f"checkpoint {old_end + 1}" in found.text
    log_receipt = Signed(own.body, bytes(own.signature))
    assert [one.kind for one in logs.findings(log_receipt)] == ["restored"]
    write(logs.acme, 5)
    seal()
    assert [one.kind for one in logs.findings(receipt)] == ["restored"], "growing again does not hide it"
    assert "does not extend" in logs.findings(log_receipt)[0].text


def _disconnect(logs: SealedLogs) -> None:
    from django.db import connection

    connection.close()
    connection.close_pool()


def test_the_global_chain_is_checked_too(logs: SealedLogs) -> None:
    with logs.tampering() as session:
        session.execute(
            "UPDATE accounts_auditglobal SET body = replace(body, 'logs 3', 'logs 2') WHERE sequence = 2"
        )
    assert {"forged", "chain"} <= logs.kinds()


def test_a_disabled_queue_is_noticed(logs: SealedLogs) -> None:
    with logs.tampering():
        write(logs.acme, 1)
    assert logs.kinds() == {"inserted"}


def test_a_row_deleted_before_it_was_sealed_is_named(logs: SealedLogs) -> None:
    write(logs.acme, 2)
    with logs.tampering() as session:
        session.execute(
            "DELETE FROM accounts_auditevent WHERE id ="
            " (SELECT max(event_id::text)::uuid FROM accounts_auditpending)"
        )
    assert seal() == 1
    assert logs.kinds() == {"deleted"}
