"""A migration operation that keeps older values of sealed fields out of their rows."""

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState

FUNCTION = """
CREATE FUNCTION sealed_version_never_falls() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'An older sealed value does not go back into %.', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""
DROP_FUNCTION = "DROP FUNCTION sealed_version_never_falls();"


class KeepVersion(migrations.operations.base.Operation):
    """Refuse to lower the version of a `SealedField`; put it after the operation that adds the field.

    Without it, whoever may update the table puts an older value back together with its version.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(self, model: str, field: str) -> None:
        self.model = model
        self.field = field

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.model, self.field], {}

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """The trigger is PostgreSQL's alone."""

    def database_forwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        table = to_state.apps.get_model(app_label, self.model)._meta.db_table
        column = f"{self.field}_version"
        editor.execute(
            f'CREATE TRIGGER "{column}_never_falls" BEFORE UPDATE OF "{column}" ON "{table}" FOR EACH ROW '
            f'WHEN (NEW."{column}" < OLD."{column}") EXECUTE FUNCTION sealed_version_never_falls();'
        )

    def database_backwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        table = from_state.apps.get_model(app_label, self.model)._meta.db_table
        editor.execute(f'DROP TRIGGER "{self.field}_version_never_falls" ON "{table}";')

    def describe(self) -> str:
        return f"Keep older values out of {self.model}.{self.field}"
