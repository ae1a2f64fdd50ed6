"""What the database says about its own walls: nothing that belongs to an account stands outside them."""

import pytest
from django.apps import apps
from django.db import connection

from accounts.tenancy.models import TenantForeignKey

SCHEMA_TABLES = """
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, pg_get_userbyid(c.relowner)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'portal' AND c.relkind IN ('r', 'p')
  AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = ANY(%s) AND NOT a.attisdropped)
ORDER BY c.relname
"""
TENANT_COLUMNS = ["account_id", "lender_id"]
# What a function that sees past the walls may say to the portal's roles: ids, and for these two something else.
SAYS_MORE = {
    "audit_ensure_partition": "text",  # the name of a partition
    "audit_drop_partition": "boolean",  # whether there was such a month
    "audit_months": "SETOF text",  # the names of the partitions
    "link_tell": "void",  # writes the other side's audit event; tells nothing
    "protection_key_roots": "SETOF text",  # which root keys the process that starts needs; no account in it
    "cluster_serves_another": "boolean",  # whether a machine without isolation is taken, to refuse a second tenant
}
# Keyed by the tenant itself.
TENANT_TABLES = {"accounts_account"}


def rows(sql: str, parameters: list[object] | None = None) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def tenant_tables() -> list[str]:
    found = {str(row[0]) for row in rows(SCHEMA_TABLES, [TENANT_COLUMNS])}
    return sorted(found | TENANT_TABLES)


def test_every_table_with_a_tenants_column_has_forced_row_security(db: None) -> None:
    open_ones = [row[0] for row in rows(SCHEMA_TABLES, [TENANT_COLUMNS]) if not (row[1] and row[2])]
    assert open_ones == []
    assert len(tenant_tables()) > 8


def test_every_such_table_has_a_policy_that_compares_with_the_open_account(db: None) -> None:
    policies = rows(
        "SELECT tablename, qual, coalesce(with_check, '') FROM pg_policies WHERE schemaname = 'portal'"
    )
    walled = {str(table) for table, qual, _check in policies if "current_account()" in str(qual)}
    partitions = {t for t in tenant_tables() if t.startswith("accounts_auditevent_")}
    assert set(tenant_tables()) - walled - partitions == set()


def test_partitions_are_reached_through_their_table_only(db: None) -> None:
    granted = rows(
        "SELECT table_name, grantee FROM information_schema.role_table_grants"
        " WHERE table_name LIKE 'accounts_auditevent\\_%%' AND grantee IN ('portal_app', 'portal_system')",
        [],
    )
    assert granted == []


def test_nothing_that_a_tenant_writes_may_be_written_past_a_check(db: None) -> None:
    """A policy for all commands without WITH CHECK checks writes with its USING; one for INSERT needs a check."""
    loose = rows(
        "SELECT tablename, policyname FROM pg_policies WHERE schemaname = 'portal' AND tablename = ANY(%s)"
        " AND 'portal_owner' <> ALL(roles) AND cmd IN ('ALL', 'INSERT', 'UPDATE')"
        " AND coalesce(with_check, '') NOT LIKE '%%current_account()%%'",
        [tenant_tables()],
    )
    assert loose == []


def test_every_tenant_foreign_key_is_composite_and_deferred(db: None) -> None:
    wanted = set()
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if isinstance(field, TenantForeignKey):
                wanted.add((model._meta.db_table, field.column))
    found = {
        (str(table), str(columns[1])): (list(columns), list(parents), deferred)
        for table, columns, parents, deferred in rows(
            """
            SELECT c.conrelid::regclass::text,
                   (SELECT array_agg(a.attname ORDER BY k.n) FROM unnest(c.conkey) WITH ORDINALITY k(num, n)
                    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.num),
                   (SELECT array_agg(a.attname ORDER BY k.n) FROM unnest(c.confkey) WITH ORDINALITY k(num, n)
                    JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.num),
                   c.condeferrable AND c.condeferred
            FROM pg_constraint c WHERE c.contype = 'f' AND cardinality(c.conkey) = 2
            """
        )
    }
    assert wanted
    for key in wanted:
        assert found.get(key) == (["account_id", key[1]], ["account_id", "id"], True), key


def test_parents_in_a_tenant_are_referenced_by_tenant_foreign_keys(db: None) -> None:
    """A plain foreign key to another tenant's row would be an oracle: PostgreSQL checks it past every policy."""
    from accounts.models import Account
    from accounts.tenancy.models import TenantRow

    plain = [
        f"{model.__name__}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.local_fields
        if field.is_relation
        and isinstance(field.related_model, type)
        and issubclass(field.related_model, TenantRow)
        and field.related_model is not Account
        and not isinstance(field, TenantForeignKey)
    ]
    assert plain == []


@pytest.mark.parametrize("role", ["portal_app", "portal_system"])
def test_lookups_before_a_tenant_is_known_return_ids_only(db: None, role: str) -> None:
    definers = {
        str(row[0]): str(row[1])
        for row in rows(
            "SELECT p.proname, pg_get_function_result(p.oid) FROM pg_proc p"
            " JOIN pg_namespace n ON n.oid = p.pronamespace"
            " WHERE n.nspname = 'portal' AND p.prosecdef AND has_function_privilege(%s, p.oid, 'EXECUTE')",
            [role],
        )
    }
    for name, result in definers.items():
        allowed = ("uuid", "trigger", "SETOF record", SAYS_MORE.get(name))
        assert result in allowed, f"{name} returns {result}"
