"""The audit log: partitioned by month, append-only by privilege and by trigger, walled in by account.

Triggers are ENABLE ALWAYS: they fire in replica mode too. A TRUNCATE trigger is not inherited by partitions, so that
`audit_ensure_partition` puts one on each; it runs as its owner, so that the worker may call it every month.
"""

from django.db import migrations, models

import accounts.ids

TABLE = """
CREATE TABLE accounts_auditevent (
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    account_id uuid,
    actor_kind varchar(16) NOT NULL,
    actor_id varchar(64) NOT NULL,
    actor_label varchar(160) NOT NULL,
    on_behalf_of varchar(160) NOT NULL,
    action varchar(64) NOT NULL,
    target_type varchar(64) NOT NULL,
    target_id varchar(255) NOT NULL,
    target_label varchar(255) NOT NULL,
    outcome varchar(8) NOT NULL CHECK (outcome IN ('ok', 'denied', 'failed')),
    via varchar(16) NOT NULL,
    ip varchar(45) NOT NULL,
    user_agent varchar(255) NOT NULL,
    request_id varchar(64) NOT NULL,
    detail jsonb NOT NULL,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);

CREATE INDEX accounts_auditevent_recent ON accounts_auditevent (account_id, at DESC, id DESC);
CREATE INDEX accounts_auditevent_target ON accounts_auditevent (account_id, target_type, target_id);
CREATE INDEX accounts_auditevent_actor ON accounts_auditevent (actor_id, at DESC);

ALTER TABLE accounts_auditevent ENABLE ROW LEVEL SECURITY;
ALTER TABLE accounts_auditevent FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON accounts_auditevent TO portal_owner USING (true) WITH CHECK (true);
CREATE POLICY tenant ON accounts_auditevent FOR SELECT USING (account_id = (SELECT current_account()));
CREATE POLICY auditor ON accounts_auditevent FOR SELECT USING ((SELECT platform_reader()) = 'auditor');
CREATE POLICY own ON accounts_auditevent FOR SELECT
    USING (actor_kind = 'user' AND actor_id = (SELECT acting_user())::text);
CREATE POLICY append ON accounts_auditevent FOR INSERT
    WITH CHECK (account_id IS NOT DISTINCT FROM (SELECT current_account()));
REVOKE UPDATE, DELETE, TRUNCATE ON accounts_auditevent FROM portal_app, portal_system;

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The audit log is append-only: % refused on %.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON accounts_auditevent
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
ALTER TABLE accounts_auditevent ENABLE ALWAYS TRIGGER append_only;
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON accounts_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
ALTER TABLE accounts_auditevent ENABLE ALWAYS TRIGGER no_truncate;

CREATE FUNCTION audit_guard_partition(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('REVOKE ALL ON %I FROM portal_app, portal_system', name);
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER append_only', name);
    EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON %I '
        'FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()', name);
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER no_truncate', name);
END $$;

CREATE FUNCTION audit_ensure_partition(day date) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    first date := date_trunc('month', day)::date;
    name text := 'accounts_auditevent_' || to_char(first, 'YYYY_MM');
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('audit_ensure_partition'));
    IF to_regclass(name) IS NULL THEN
        EXECUTE format('CREATE TABLE %I PARTITION OF accounts_auditevent FOR VALUES FROM (%L) TO (%L)',
            name, first::timestamptz, (first + interval '1 month')::timestamptz);
        PERFORM audit_guard_partition(name);
    END IF;
    RETURN name;
END $$;

-- Rows outside every month that has a partition still land somewhere: an event is never refused for its date.
CREATE TABLE accounts_auditevent_other PARTITION OF accounts_auditevent DEFAULT;
SELECT audit_guard_partition('accounts_auditevent_other');
SELECT audit_ensure_partition(current_date);
SELECT audit_ensure_partition((current_date + interval '1 month')::date);
REVOKE EXECUTE ON FUNCTION audit_ensure_partition(date), audit_guard_partition(text) FROM PUBLIC, portal_app;
REVOKE EXECUTE ON FUNCTION audit_guard_partition(text) FROM portal_system;
"""

DROP = """
DROP TABLE accounts_auditevent CASCADE;
DROP FUNCTION audit_ensure_partition(date);
DROP FUNCTION audit_guard_partition(text);
DROP FUNCTION audit_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(TABLE, DROP)],
            state_operations=[
                migrations.CreateModel(
                    name="AuditEvent",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=accounts.ids.uuid7, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("at", models.DateTimeField(verbose_name="When")),
                        ("account_id", models.UUIDField(null=True)),
                        ("actor_kind", models.CharField(max_length=16)),
                        ("actor_id", models.CharField(blank=True, max_length=64)),
                        ("actor_label", models.CharField(max_length=160, verbose_name="Who")),
                        (
                            "on_behalf_of",
                            models.CharField(blank=True, max_length=160, verbose_name="On whose behalf"),
                        ),
                        ("action", models.CharField(max_length=64, verbose_name="Action")),
                        ("target_type", models.CharField(blank=True, max_length=64)),
                        ("target_id", models.CharField(blank=True, max_length=255)),
                        ("target_label", models.CharField(blank=True, max_length=255, verbose_name="Target")),
                        (
                            "outcome",
                            models.CharField(
                                choices=[("ok", "Allowed"), ("denied", "Denied"), ("failed", "Failed")],
                                max_length=8,
                                verbose_name="Outcome",
                            ),
                        ),
                        ("via", models.CharField(max_length=16, verbose_name="Via")),
                        ("ip", models.CharField(blank=True, max_length=45, verbose_name="Address")),
                        ("user_agent", models.CharField(blank=True, max_length=255)),
                        ("request_id", models.CharField(blank=True, max_length=64)),
                        ("detail", models.JSONField(default=dict)),
                    ],
                    options={
                        "db_table": "accounts_auditevent",
                        "ordering": ["-at", "-id"],
                        "base_manager_name": "objects",
                    },
                ),
            ],
        ),
    ]
