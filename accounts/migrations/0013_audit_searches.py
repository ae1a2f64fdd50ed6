"""Indexes for searches of the audit log.

The table is partitioned, where PostgreSQL builds no index concurrently; and a plain one would stop every record, so
everything the portal does, for as long as it takes. So: an index on the parent alone, which is a name without
content; one on each partition, concurrently; and each attached, with which the parent's becomes valid. Partitions
made meanwhile bring their own.
"""

from typing import Any, ClassVar

from django.db import migrations

INDEXES = {
    # The audit room's newest first, across accounts.
    "at": "(at DESC, id DESC)",
    # One thing's history, newest first.
    "thing": "(target_type, target_id, at DESC)",
    # Who, by name, and on whose behalf.
    "label": "(actor_label, at DESC)",
    "behalf": "(on_behalf_of, at DESC) WHERE on_behalf_of <> ''",
    "action": "(account_id, action, at DESC)",
    # What was denied or failed: rare, and what one looks for.
    "refused": "(account_id, outcome, at DESC) WHERE outcome <> 'ok'",
    "ip": "(ip, at DESC) WHERE ip <> ''",
}
PARTITIONS = """
SELECT c.relname, replace(c.relname, 'accounts_auditevent', 'ae')
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'accounts_auditevent'::regclass ORDER BY 1
"""
VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"
COVERED = """
SELECT 1 FROM pg_inherits i JOIN pg_index x ON x.indexrelid = i.inhrelid
WHERE i.inhparent = %s::regclass AND x.indrelid = %s::regclass
"""


def build(apps: Any, schema_editor: Any) -> None:
    """Build each index, going on where an attempt before was broken off."""
    with schema_editor.connection.cursor() as cursor:
        for name, definition in INDEXES.items():
            parent = f"accounts_auditevent_by_{name}"
            cursor.execute(f"CREATE INDEX IF NOT EXISTS {parent} ON ONLY accounts_auditevent {definition}")
            cursor.execute(PARTITIONS)
            for partition, short in cursor.fetchall():
                cursor.execute(COVERED, [parent, partition])
                if cursor.fetchone() is None:
                    _build_one(cursor, parent, partition, f"{short}_by_{name}", definition)


def _build_one(cursor: Any, parent: str, partition: str, index: str, definition: str) -> None:
    cursor.execute(VALID, [index])
    found = cursor.fetchone()
    if found is not None and not found[0]:
        # A build that was broken off leaves an index that nothing uses.
        cursor.execute(f"DROP INDEX CONCURRENTLY {index}")
    if found is None or not found[0]:
        cursor.execute(f"CREATE INDEX CONCURRENTLY {index} ON {partition} {definition}")
    cursor.execute(f"ALTER INDEX {parent} ATTACH PARTITION {index}")


def drop(apps: Any, schema_editor: Any) -> None:
    """Drop the parents' indexes, and with them each partition's."""
    with schema_editor.connection.cursor() as cursor:
        for name in INDEXES:
            cursor.execute(f"DROP INDEX IF EXISTS accounts_auditevent_by_{name}")


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar[list[tuple[str, str]]] = [("accounts", "0012_account_lifecycle")]
    operations: ClassVar[list[Any]] = [migrations.RunPython(build, drop)]
