"""A model field whose value is sealed to its own row, and leaves only by `reveal()`."""

from typing import TYPE_CHECKING, Any, NoReturn

from django.core.exceptions import FieldError
from django.db import connection, models, transaction
from django.db.models.query_utils import DeferredAttribute

from accounts.crypto.errors import SealError
from accounts.crypto.place import Place
from accounts.crypto.sealing import seal, unseal


class _Held:
    """What an instance holds: sealed bytes from the database, or a plaintext that waits for `save()`.

    Neither of the two: the value was taken away, which waits for `save()` as well.
    """

    __slots__ = ("plaintext", "sealed")

    def __init__(self, *, sealed: bytes | None = None, plaintext: bytes | None = None) -> None:
        self.sealed = sealed
        self.plaintext = plaintext

    @property
    def empty(self) -> bool:
        """Whether the value was taken away."""
        return self.sealed is None and self.plaintext is None

    def __repr__(self) -> str:
        return "<sealed>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A sealed value is not pickled: pass the id of its row.")

    def __deepcopy__(self, memo: dict[int, Any]) -> "_Held":
        return self


class Sealed:
    """A sealed value in its row. Prints as `<sealed>`; has no length, no equality, no pickle, no JSON."""

    __slots__ = ("_field", "_held", "_row")

    def __init__(self, row: models.Model, field: "SealedField", held: _Held) -> None:
        self._row = row
        self._field = field
        self._held = held

    def __repr__(self) -> str:
        return "<sealed>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A sealed value is not pickled: pass the id of its row.")

    def reveal(self) -> bytes:
        """Return the plaintext. Needs the account's scope; raises `SealError` where it does not open.

        The caller answers for permission and audit: reach it through a named action.
        """
        if self._held.sealed is not None and self._field.version_attname in self._row.get_deferred_fields():
            # Value and version in one query: between two of them another could be written.
            self._row.refresh_from_db(fields=[self._field.attname, self._field.version_attname])
            self._held = self._row.__dict__[self._field.attname]
        if self._held.sealed is None:
            if self._held.plaintext is None:
                raise SealError
            return self._held.plaintext
        return unseal(self._held.sealed, self._field.place(self._row))


if TYPE_CHECKING:
    _Field = models.Field[Any, Any]
    _Integer = models.IntegerField[Any, Any]
else:  # Django's fields take no type arguments at run time
    _Field = models.Field
    _Integer = models.IntegerField


class _SealedAttribute(DeferredAttribute):
    """Binds what the row holds to the row, so that `reveal()` knows its place."""

    field: "SealedField"

    def __get__(self, instance: models.Model | None, cls: Any = None) -> Any:
        held = super().__get__(instance, cls)
        if instance is None or not isinstance(held, _Held):
            return held
        return None if held.empty else Sealed(instance, self.field, held)

    def __set__(self, instance: models.Model, value: Any) -> None:
        if isinstance(value, Sealed):
            # refresh_from_db copies from an instance of the same row; from another row it would not open.
            if type(value._row) is not type(instance) or value._row.pk != instance.pk:
                raise ValueError("A sealed value belongs to its row: reveal it and assign the plaintext.")
            value = value._held
        elif isinstance(value, bytes):
            value = _Held(plaintext=value)
        elif value is None and isinstance(instance.__dict__.get(self.field.attname), _Held):
            value = _Held()
        elif value is not None and not isinstance(value, _Held):
            raise TypeError(f"{self.field.name} takes bytes.")
        instance.__dict__[self.field.attname] = value


class SealedVersion(_Integer):
    """How many values a sealed field has held: written with each of them, and at no other time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # The database's own default keeps processes of the release before this column able to insert rows.
        kwargs |= {"default": 0, "db_default": 0, "editable": False}
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, path, args, kwargs = super().deconstruct()
        for given in ("default", "db_default", "editable"):
            kwargs.pop(given, None)
        return name, path, list(args), kwargs

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        return super().pre_save(model_instance, add) if add else models.F(self.attname)


class SealedField(_Field):
    """Stores bytes sealed to (account, model, primary key, field, version). Assign bytes; read with `.reveal()`.

    `SealedField(platform=True)` is for rows that belong to no account: sealed under the platform's key. Such a row has
    its primary key before it is saved, and is saved inside a transaction.

    The model gets a column `<name>_version` beside it, counted up with each value: an older value put back into its
    row does not open. Saving a row whose value was not assigned leaves both columns as they are in the database.

    `update()`, lookups (but `isnull`), forms and serializers refuse it: they know no row to seal to, or
    would print it.
    """

    descriptor_class = _SealedAttribute
    empty_values = [None]

    def __init__(self, *args: Any, platform: bool = False, **kwargs: Any) -> None:
        kwargs["editable"] = False
        self.platform = platform
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("editable", None)
        if self.platform:
            kwargs["platform"] = True
        return name, path, args, kwargs

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        # The models that migrations make list every field themselves; those made of an abstract one have it already.
        if cls.__module__ != "__fake__" and all(
            f.name != self.version_attname for f in cls._meta.local_fields
        ):
            cls.add_to_class(self.version_attname, SealedVersion())

    @property
    def version_attname(self) -> str:
        """The name of the column with the version."""
        return f"{self.attname}_version"

    def get_internal_type(self) -> str:
        return "BinaryField"

    def get_default(self) -> None:
        """A new row holds nothing yet; saving it so violates NOT NULL."""

    def place(self, row: models.Model) -> Place:
        """Return where this field of `row` lives."""
        if row.pk is None:
            raise TypeError(f"{self.name}: the row needs its primary key before a value is sealed to it.")
        account_id = None if self.platform else row.account_id  # type: ignore[attr-defined]
        return Place(account_id, row._meta.label, row.pk, self.attname, getattr(row, self.version_attname))

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> _Held | None:
        return None if value is None else _Held(sealed=bytes(value))

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        held = model_instance.__dict__.get(self.attname)
        if isinstance(held, _Held) and held.sealed is None:
            self._next_version(model_instance, add)
            if held.plaintext is None:
                model_instance.__dict__[self.attname] = None
                return None
            held = _Held(sealed=seal(held.plaintext, self.place(model_instance)))
            model_instance.__dict__[self.attname] = held
            return held
        # Not assigned since it was loaded: whatever is in the row by now, re-wrapped perhaps, stays there.
        return held if add else models.F(self.attname)

    def _next_version(self, row: models.Model, add: bool) -> None:
        """Count up in the row itself, which also locks it: two writers at once get a number each."""
        version = 1
        if not add:
            if not connection.in_atomic_block:
                raise transaction.TransactionManagementError(
                    f"{self.name}: save it inside transaction.atomic(); version and value change together."
                )
            table, column, key = row._meta.db_table, self.version_attname, row._meta.pk
            with connection.cursor() as cursor:
                cursor.execute(
                    f'UPDATE "{table}" SET "{column}" = "{column}" + 1'  # noqa: S608  # names of the model
                    f' WHERE "{key.column}" = %s RETURNING "{column}"',
                    [key.get_db_prep_value(row.pk, connection)],
                )
                found = cursor.fetchone()
                version = found[0] if found else 1
        setattr(row, self.version_attname, version)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is None:
            return None
        if not isinstance(value, _Held) or value.sealed is None:
            raise TypeError(f"{self.name}: assign it to a row and save that; it is sealed to the row.")
        return connection.Database.Binary(value.sealed)

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name == "isnull":
            return super().get_lookup(lookup_name)
        raise FieldError(f"{self.name} is sealed: it can be looked up by isnull only.")

    def value_to_string(self, obj: models.Model) -> str:
        raise TypeError(f"{self.name} is sealed: it is not serialized.")

    def formfield(self, *args: Any, **kwargs: Any) -> None:
        """No form shows it."""
