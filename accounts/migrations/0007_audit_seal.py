"""Sealing the audit log: leaves and checkpoints, append-only like the log itself, and the queue that feeds them.

Every INSERT into the log queues its rows in the same transaction (`audit_enqueue`): what commits late is sealed later
and never skipped, whatever its id or time. What was there before this migration is queued by it.
"""

from django.db import migrations, models

import accounts.ids

TABLES = """
CREATE TABLE accounts_auditpending (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    log_id uuid NOT NULL,
    event_id uuid NOT NULL,
    event_at timestamptz NOT NULL
);
CREATE INDEX accounts_auditpending_event ON accounts_auditpending (event_id);

CREATE TABLE accounts_auditleaf (
    log_id uuid NOT NULL,
    index bigint NOT NULL CHECK (index >= 0),
    event_id uuid NOT NULL,
    event_at timestamptz NOT NULL,
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (log_id, index),
    UNIQUE (event_id)
);

CREATE FUNCTION audit_enqueue() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO accounts_auditpending (log_id, event_id, event_at)
        SELECT coalesce(account_id, '00000000-0000-0000-0000-000000000000'), id, at FROM fresh;
    RETURN NULL;
END $$;
CREATE TRIGGER enqueue AFTER INSERT ON accounts_auditevent
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION audit_enqueue();
ALTER TABLE accounts_auditevent ENABLE ALWAYS TRIGGER enqueue;
REVOKE EXECUTE ON FUNCTION audit_enqueue() FROM PUBLIC, portal_app, portal_system;
INSERT INTO accounts_auditpending (log_id, event_id, event_at)
    SELECT coalesce(account_id, '00000000-0000-0000-0000-000000000000'), id, at FROM accounts_auditevent ORDER BY at, id;
CREATE POLICY sealing ON accounts_auditevent FOR SELECT TO portal_system
    USING ((SELECT current_account()) IS NULL);
"""

_APPEND_ONLY = (
    "accounts_auditleaf",
    "accounts_auditcheckpoint",
    "accounts_auditglobal",
    "accounts_auditkey",
    "accounts_auditdisposal",
)
# table → the column that names the log, and what portal_system may do beside reading
_WALLED = {
    "accounts_auditpending": ("log_id", ("DELETE",)),
    "accounts_auditleaf": ("log_id", ("INSERT",)),
    "accounts_auditcheckpoint": ("log_id", ("INSERT",)),
    "accounts_audithead": ("log_id", ("INSERT", "UPDATE")),
    "accounts_auditglobal": ("", ("INSERT",)),
    "accounts_auditkey": ("", ("INSERT",)),
    "accounts_auditdisposal": ("log_id", ("INSERT",)),
    "accounts_auditverification": ("log_id", ("INSERT", "UPDATE")),
}


def walls() -> str:
    """Row level security, privileges and triggers of the tables above."""
    lines = []
    for table, (column, verbs) in _WALLED.items():
        lines += [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY;",
            f"CREATE POLICY owner ON {table} TO portal_owner USING (true) WITH CHECK (true);",
            f"CREATE POLICY auditor ON {table} FOR SELECT USING ((SELECT platform_reader()) = 'auditor');",
            f"CREATE POLICY system_read ON {table} FOR SELECT TO portal_system"
            " USING ((SELECT current_account()) IS NULL);",
            f"REVOKE ALL ON {table} FROM portal_app, portal_system;",
            f"GRANT SELECT ON {table} TO portal_app, portal_system;",
            f"GRANT {', '.join(verbs)} ON {table} TO portal_system;",
        ]
        for verb in verbs:
            check = {"INSERT": "WITH CHECK (true)", "DELETE": "USING (true)", "UPDATE": "USING (true)"}[verb]
            name = f"system_{verb.lower()}"
            lines.append(f"CREATE POLICY {name} ON {table} FOR {verb} TO portal_system {check};")
        if column:
            lines.append(
                f"CREATE POLICY tenant ON {table} FOR SELECT USING ({column} = (SELECT current_account()));"
            )
    for table in _APPEND_ONLY:
        lines += [
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only;",
            f"CREATE TRIGGER no_truncate BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER no_truncate;",
        ]
    return "\n".join(lines)


# Public keys are for everybody who signs in; a verification may be asked for by a log's own people and by auditors.
MORE = """
CREATE POLICY everybody ON accounts_auditkey FOR SELECT USING (true);
GRANT INSERT ON accounts_auditverification TO portal_app;
CREATE POLICY ask ON accounts_auditverification FOR INSERT TO portal_app WITH CHECK (
    state = 'queued' AND (log_id = (SELECT current_account()) OR (SELECT platform_reader()) = 'auditor'));

CREATE FUNCTION audit_drop_partition(name text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_variable
DECLARE
    first timestamptz;
    missing bigint;
BEGIN
    IF name !~ '^accounts_auditevent_[0-9]{4}_[0-9]{2}$' THEN
        RAISE EXCEPTION '% is no month of the audit log.', name USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF to_regclass(name) IS NULL THEN
        RETURN false;
    END IF;
    first := to_timestamp(right(name, 7) || ' +00', 'YYYY_MM TZH');
    IF first + interval '1 month' > now() - interval '365 days' THEN
        RAISE EXCEPTION '% is too young: audit records are kept for at least a year.', name
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- Every row must be sealed, and its log must have a disposal record whose announcement is sealed too.
    -- Through the parent: a partition asked for by name shows nobody a row, for the policies are on the parent.
    SELECT count(*) INTO missing FROM accounts_auditevent e
        WHERE e.at >= first AND e.at < first + interval '1 month' AND (
            NOT EXISTS (SELECT FROM accounts_auditleaf l WHERE l.event_id = e.id AND l.event_at = e.at)
            OR NOT EXISTS (SELECT FROM accounts_auditdisposal d
                JOIN accounts_auditleaf a ON a.event_id = d.event_id
                WHERE d.partition = name
                AND d.log_id = coalesce(e.account_id, '00000000-0000-0000-0000-000000000000')));
    IF missing > 0 THEN
        RAISE EXCEPTION '% has % rows without a sealed disposal record.', name, missing
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    EXECUTE format('DROP TABLE %I', name);
    RETURN true;
END $$;
REVOKE EXECUTE ON FUNCTION audit_drop_partition(text) FROM PUBLIC, portal_app;

-- Months that could be disposed of, oldest first: the system role owns none and sees no catalogue of bounds.
CREATE FUNCTION audit_months() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'accounts_auditevent'::regclass AND c.relname ~ '_[0-9]{4}_[0-9]{2}$' ORDER BY c.relname
$$;
REVOKE EXECUTE ON FUNCTION audit_months() FROM PUBLIC, portal_app;
"""

DROP_TABLES = """
DROP POLICY sealing ON accounts_auditevent;
DROP TRIGGER enqueue ON accounts_auditevent;
DROP FUNCTION audit_enqueue();
DROP TABLE accounts_auditleaf;
DROP TABLE accounts_auditpending;
"""
DROP_MORE = "DROP FUNCTION audit_drop_partition(text); DROP FUNCTION audit_months();"


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_credential_rotation"),
    ]

    operations = [
        migrations.RunSQL(TABLES, DROP_TABLES),
        migrations.CreateModel(
            name="AuditGlobal",
            fields=[
                ("sequence", models.BigIntegerField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("body", models.TextField()),
                ("signature", models.BinaryField()),
            ],
            options={
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="AuditHead",
            fields=[
                ("log_id", models.UUIDField(primary_key=True, serialize=False)),
                ("sequence", models.BigIntegerField()),
                ("size", models.BigIntegerField()),
                ("root", models.CharField(max_length=64)),
                ("digest", models.CharField(max_length=64)),
                ("at", models.DateTimeField()),
            ],
            options={
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="AuditKey",
            fields=[
                ("fingerprint", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("sequence", models.BigIntegerField(unique=True)),
                ("public", models.BinaryField()),
                ("body", models.TextField()),
                ("signature", models.BinaryField()),
                ("previous_signature", models.BinaryField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "ordering": ["sequence"],
            },
        ),
        migrations.CreateModel(
            name="AuditVerification",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("log_id", models.UUIDField(null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("queued", "Waiting"), ("running", "Running"), ("finished", "Finished")],
                        default="queued",
                        max_length=8,
                    ),
                ),
                ("requested_by", models.CharField(max_length=160)),
                ("requested_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("heartbeat_at", models.DateTimeField(null=True)),
                ("progress", models.FloatField(default=0)),
                ("rows", models.BigIntegerField(default=0)),
                ("checkpoints", models.BigIntegerField(default=0)),
                ("findings", models.JSONField(default=list)),
            ],
            options={
                "ordering": ["-requested_at", "-id"],
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="AuditCheckpoint",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("log_id", models.UUIDField()),
                ("sequence", models.BigIntegerField()),
                ("size", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                ("body", models.TextField()),
                ("signature", models.BinaryField()),
                ("frontier", models.BinaryField()),
            ],
            options={
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("log_id", "sequence"), name="accounts_auditcheckpoint_sequence"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditDisposal",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("log_id", models.UUIDField()),
                ("partition", models.CharField(max_length=63)),
                ("until", models.DateTimeField()),
                ("event_id", models.UUIDField()),
                ("body", models.TextField()),
                ("signature", models.BinaryField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("log_id", "partition"), name="accounts_auditdisposal_once"
                    )
                ],
            },
        ),
        migrations.RunSQL(walls(), migrations.RunSQL.noop),
        migrations.RunSQL(MORE, DROP_MORE),
    ]
