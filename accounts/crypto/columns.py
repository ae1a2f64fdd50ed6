"""Which columns hold wrapped data keys. Rotation, counting and destruction of keys go by this list and no other.

Every `SealedField` is on it by itself. A column that holds the result of `seal` or `new_data_key` without being one is
put on it with `register_column`, in its app's `ready()`.
"""

from dataclasses import dataclass

from django.apps import apps
from django.db import models

from accounts.crypto.fields import SealedField
from accounts.crypto.sealing import BLOB_KEY, VALUE_KEY


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column whose bytes begin with a wrapped data key.

    `field` is what the place calls it, `version_column` where the value's version is counted (None: it never changes).
    """

    model: str
    column: str
    field: str
    purpose: str
    version_column: str | None = None
    platform: bool = False

    @property
    def table(self) -> str:
        """The table in the database."""
        return str(apps.get_model(self.model)._meta.db_table)

    @property
    def key_column(self) -> str:
        """The column of the primary key."""
        key = apps.get_model(self.model)._meta.pk
        assert key is not None  # every model has one; only abstract ones do not
        return str(key.column)


_registered: dict[tuple[str, str], SealedColumn] = {}


def register_column(model: str, column: str, *, field: str, blob: bool = False) -> None:
    """Put a column of a tenant model on the list; `blob`: it holds a wrapped data key alone (`new_data_key`)."""
    purpose = BLOB_KEY if blob else VALUE_KEY
    _registered[model, column] = SealedColumn(model, column, field, purpose)


def sealed_columns(*, platform: bool) -> list[SealedColumn]:
    """The columns under the accounts' keys, or those under the platform's."""
    found = [column for column in _registered.values() if column.platform == platform]
    for model in apps.get_models():
        sealed = [field for field in model._meta.local_fields if isinstance(field, SealedField)]
        found.extend(_of(model, field) for field in sealed if field.platform == platform)
    return sorted(found, key=lambda column: (column.model, column.column))


def _of(model: type[models.Model], field: SealedField) -> SealedColumn:
    version = model._meta.get_field(field.version_attname)
    assert isinstance(version, models.Field)  # the field itself has added it
    column, counted = str(field.column), str(version.column)
    return SealedColumn(model._meta.label, column, field.attname, VALUE_KEY, counted, field.platform)
