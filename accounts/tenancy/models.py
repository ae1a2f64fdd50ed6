"""Base classes for everything that belongs to an account."""

from collections.abc import Iterator
from typing import Any, ClassVar, Self, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import models

from accounts.ids import uuid7
from accounts.tenancy.scope import ACCOUNT, ScopeError, current_account, current_scope

M = TypeVar("M", bound=models.Model)


class TenantQuerySet(models.QuerySet[M]):
    """A queryset that refuses to run outside a scope its model allows (`Model.readable_in`)."""

    _reads_unscoped = False

    def unscoped(self) -> Self:
        """Allow reading every account's rows: only for the system role, on models whose policy has `system_read`."""
        if settings.DATABASE_ROLE not in ("system", "owner"):
            raise ScopeError(f"{self.model.__name__}: unscoped reads are for the system's processes only.")
        clone = self._chain()  # type: ignore[attr-defined]
        clone._reads_unscoped = True
        return clone  # type: ignore[no-any-return]

    def _clone(self) -> Self:
        clone = super()._clone()  # type: ignore[misc]
        clone._reads_unscoped = self._reads_unscoped
        return clone  # type: ignore[no-any-return]

    def _guard(self, *, writes: bool = False) -> None:
        opened = current_scope()
        if self._reads_unscoped and not writes and opened is None:
            return
        allowed = {ACCOUNT} if writes else getattr(self.model, "readable_in", {ACCOUNT})
        if opened is None or opened.kind not in allowed:
            what = "written" if writes else "read"
            raise ScopeError(
                f"{self.model.__name__} cannot be {what} here: open a scope ({', '.join(sorted(allowed))}) first."
            )

    # Every way in which Django evaluates a queryset ends in one of these.
    def _fetch_all(self) -> None:
        if self._result_cache is None:
            self._guard()
        super()._fetch_all()

    def _iterator(self, use_chunked_fetch: bool, chunk_size: int | None) -> Iterator[M]:
        self._guard()
        for row in super()._iterator(use_chunked_fetch, chunk_size):  # type: ignore[misc]
            self._guard()  # the scope may have closed since the last row
            yield row

    def aggregate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        self._guard()
        return super().aggregate(*args, **kwargs)

    def count(self) -> int:
        if self._result_cache is None:
            self._guard()
        return super().count()

    def exists(self) -> bool:
        if self._result_cache is None:
            self._guard()
        return super().exists()

    def explain(self, *args: Any, **kwargs: Any) -> str:
        self._guard()
        return super().explain(*args, **kwargs)

    def raw(self, *args: Any, **kwargs: Any) -> Any:
        self._guard()
        return super().raw(*args, **kwargs)

    def update(self, **kwargs: Any) -> int:
        self._guard(writes=True)
        return super().update(**kwargs)

    def _update(self, values: Any, *args: Any, **kwargs: Any) -> int:
        self._guard(writes=True)
        return super()._update(values, *args, **kwargs)  # type: ignore[misc,no-any-return]

    def delete(self) -> tuple[int, dict[str, int]]:
        self._guard(writes=True)
        return super().delete()

    def _raw_delete(self, using: str | None) -> int:
        self._guard(writes=True)
        return super()._raw_delete(using)

    def _insert(self, *args: Any, **kwargs: Any) -> Any:
        self._guard(writes=True)
        return super()._insert(*args, **kwargs)  # type: ignore[misc]

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> list[M]:
        self._guard(writes=True)
        rows = list(objs)
        for row in rows:
            _claim(row)
        return super().bulk_create(rows, *args, **kwargs)


class TenantManager(models.Manager.from_queryset(TenantQuerySet)[M]):  # type: ignore[misc]
    """The only manager of a tenant model: relations, saves and refreshes go through it too.

    In an account's scope it asks for that account's rows only (`Model.of_account`), whatever PostgreSQL would show. A
    queryset that was begun before the scope opened has the second wall alone.
    """

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        account_id = current_account()
        if account_id is None:
            return rows
        return rows.filter(self.model.of_account(account_id))


def _claim(row: models.Model) -> None:
    """Give a row to the account in scope, or refuse one that belongs to another."""
    account_id = current_account()
    if row.account_id is None:  # type: ignore[attr-defined]
        row.account_id = account_id  # type: ignore[attr-defined]
    if account_id is None or row.account_id != account_id:  # type: ignore[attr-defined]
        raise ScopeError(f"{type(row).__name__} of another account cannot be written in this scope.")


class TenantRow(models.Model):
    """A row with an `account_id`, whatever its primary key."""

    readable_in: ClassVar[frozenset[str]] = frozenset({ACCOUNT})

    objects: ClassVar[TenantManager[Self]] = TenantManager()  # type: ignore[type-arg]

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def save(self, *args: Any, **kwargs: Any) -> None:
        _claim(self)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        _claim(self)
        return super().delete(*args, **kwargs)

    @classmethod
    def of_account(cls, account_id: UUID) -> models.Q:
        """Which rows an account's scope is for."""
        return models.Q(account=account_id)


class TenantModel(TenantRow):
    """The usual tenant row: a server-made UUIDv7, and the account it belongs to."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey("accounts.Account", models.PROTECT, related_name="+", editable=False)

    class Meta(TenantRow.Meta):
        abstract = True


class TenantForeignKey(models.ForeignKey[Any, Any]):
    """A foreign key inside one account: PostgreSQL checks `(account_id, id)`, so a foreign parent is a missing parent.

    The composite, deferred constraint is made by `EnableTenancy` (or `AddTenantForeignKey`) in the same migration.
    """

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        super().__init__(to, on_delete, **kwargs)

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_constraint", None)
        return name, path, list(args), kwargs


__all__ = ["TenantForeignKey", "TenantManager", "TenantModel", "TenantQuerySet", "TenantRow"]
