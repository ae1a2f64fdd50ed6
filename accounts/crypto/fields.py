"""A model field whose value is sealed to its own row, and leaves only by `reveal()`."""

from typing import TYPE_CHECKING, Any, NoReturn

from django.core.exceptions import FieldError
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from accounts.crypto.errors import SealError
from accounts.crypto.place import Place
from accounts.crypto.sealing import seal, unseal


class _Held:
    """What an instance holds: sealed bytes from the database, or a plaintext that waits for `save()`."""

    __slots__ = ("plaintext", "sealed")

    def __init__(self, *, sealed: bytes | None = None, plaintext: bytes | None = None) -> None:
        self.sealed = sealed
        self.plaintext = plaintext

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
        if self._held.sealed is None:
            if self._held.plaintext is None:
                raise SealError
            return self._held.plaintext
        return unseal(self._held.sealed, self._field.place(self._row))


if TYPE_CHECKING:
    _Field = models.Field[Any, Any]
else:  # Django's Field takes no type arguments at run time
    _Field = models.Field


class _SealedAttribute(DeferredAttribute):
    """Binds what the row holds to the row, so that `reveal()` knows its place."""

    field: "SealedField"

    def __get__(self, instance: models.Model | None, cls: Any = None) -> Any:
        held = super().__get__(instance, cls)
        return (
            Sealed(instance, self.field, held) if instance is not None and isinstance(held, _Held) else held
        )

    def __set__(self, instance: models.Model, value: Any) -> None:
        if isinstance(value, Sealed):
            # refresh_from_db copies from an instance of the same row; from another row it would not open.
            if type(value._row) is not type(instance) or value._row.pk != instance.pk:
                raise ValueError("A sealed value belongs to its row: reveal it and assign the plaintext.")
            value = value._held
        elif isinstance(value, bytes):
            value = _Held(plaintext=value)
        elif value is not None and not isinstance(value, _Held):
            raise TypeError(f"{self.field.name} takes bytes.")
        instance.__dict__[self.field.attname] = value


class SealedField(_Field):
    """Stores bytes sealed to (account, model, primary key, field). Assign plain bytes; read with `.reveal()`.

    `update()`, lookups (but `isnull`), forms and serializers refuse it: they know no row to seal to, or
    would print it.
    """

    descriptor_class = _SealedAttribute
    empty_values = [None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("editable", None)
        return name, path, args, kwargs

    def get_internal_type(self) -> str:
        return "BinaryField"

    def get_default(self) -> None:
        """A new row holds nothing yet; saving it so violates NOT NULL."""

    def place(self, row: models.Model) -> Place:
        """Return where this field of `row` lives."""
        return Place(row.account_id, row._meta.label, row.pk, self.attname)  # type: ignore[attr-defined]

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> _Held | None:
        return None if value is None else _Held(sealed=bytes(value))

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        held = model_instance.__dict__.get(self.attname)
        if isinstance(held, _Held) and held.sealed is None and held.plaintext is not None:
            held = _Held(sealed=seal(held.plaintext, self.place(model_instance)))
            model_instance.__dict__[self.attname] = held
        return held

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
