"""Migration operations that put the second wall, row level security, around a table.

Policies are permissive and few: the tenant's own rows; everything for the owner (or data migrations would silently
touch nothing); optionally reads for the system role while it has no scope open, and for a platform reader.
"""

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState

from accounts.tenancy.models import TenantForeignKey

FUNCTIONS = """
CREATE FUNCTION current_account() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT nullif(current_setting('portal.account', true), '')::uuid $$;
CREATE FUNCTION acting_user() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT nullif(current_setting('portal.user', true), '')::uuid $$;
CREATE FUNCTION platform_reader() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT coalesce(current_setting('portal.reader', true), '') $$;
"""
DROP_FUNCTIONS = """
DROP FUNCTION platform_reader(); DROP FUNCTION acting_user(); DROP FUNCTION current_account();
"""


def foreign_key_sql(table: str, column: str, parent: str) -> str:
    """The composite, deferred constraint behind a `TenantForeignKey`."""
    name = f"{table}_{column}_tenant"[:63]
    return (
        f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" FOREIGN KEY (account_id, "{column}") '
        f'REFERENCES "{parent}" (account_id, id) DEFERRABLE INITIALLY DEFERRED;'
    )


class EnableTenancy(migrations.operations.base.Operation):
    """Enable and force row level security on a model's table; put it right after the model's `CreateModel`.

    `keys` are the columns that hold a tenant (a link has two); a row is visible to each. `system_read` lets
    the system role read all rows outside a scope.
    `also_readable` maps a policy name to a further SQL condition under which rows may be read.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(
        self,
        model: str,
        *,
        keys: tuple[str, ...] = ("account_id",),
        system_read: bool = False,
        also_readable: dict[str, str] | None = None,
    ) -> None:
        self.model = model
        self.keys = tuple(keys)
        self.system_read = system_read
        self.also_readable = also_readable or {}

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (
            type(self).__name__,
            [self.model],
            {"keys": self.keys, "system_read": self.system_read, "also_readable": self.also_readable},
        )

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Django's model state does not know about policies."""

    def database_forwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model)
        table = model._meta.db_table
        own = " OR ".join(f"{key} = (SELECT current_account())" for key in self.keys)
        statements = [
            f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY;',
            f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY;',
            f'CREATE POLICY tenant ON "{table}" USING ({own}) WITH CHECK ({own});',
            f'CREATE POLICY owner ON "{table}" TO portal_owner USING (true) WITH CHECK (true);',
        ]
        if self.system_read:
            statements.append(
                f'CREATE POLICY system_read ON "{table}" FOR SELECT TO portal_system '
                "USING ((SELECT current_account()) IS NULL);"
            )
        for name, condition in self.also_readable.items():
            statements.append(f'CREATE POLICY {name} ON "{table}" FOR SELECT USING ({condition});')
        columns = {field.column for field in model._meta.local_fields}
        if "account_id" in columns and model._meta.pk is not None and model._meta.pk.column == "id":
            statements.append(
                f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_tenant_key" UNIQUE (account_id, id);'
            )
        for field in model._meta.local_fields:
            if isinstance(field, TenantForeignKey):
                parent = field.related_model._meta.db_table
                statements.append(foreign_key_sql(table, field.column, parent))
        for statement in statements:
            editor.execute(statement)

    def database_backwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = from_state.apps.get_model(app_label, self.model)
        table = model._meta.db_table
        for field in model._meta.local_fields:
            if isinstance(field, TenantForeignKey):
                editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT "{table}_{field.column}_tenant";')
        editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{table}_tenant_key";')
        names = ["tenant", "owner", *(["system_read"] if self.system_read else []), *self.also_readable]
        for name in names:
            editor.execute(f'DROP POLICY {name} ON "{table}";')
        editor.execute(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY;')
        editor.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY;')

    def describe(self) -> str:
        return f"Wall in the rows of {self.model} by account"


class AddTenantForeignKey(migrations.operations.base.Operation):
    """Add the composite constraint of a `TenantForeignKey` that joined a table by `AddField`."""

    reduces_to_sql = True
    reversible = True

    def __init__(self, model: str, field: str) -> None:
        self.model = model
        self.field = field

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.model, self.field], {}

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """The constraint is PostgreSQL's alone."""

    def database_forwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model)
        field = model._meta.get_field(self.field)
        parent = field.related_model._meta.db_table
        editor.execute(foreign_key_sql(model._meta.db_table, field.column, parent))

    def database_backwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = from_state.apps.get_model(app_label, self.model)
        table = model._meta.db_table
        column = model._meta.get_field(self.field).column
        editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT "{table}_{column}_tenant";')

    def describe(self) -> str:
        return f"Keep {self.model}.{self.field} inside one account"
