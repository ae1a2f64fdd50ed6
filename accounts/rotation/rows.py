"""Reaching key rows of an account, or of the platform, the same way."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.models import AccountKey, PlatformKey
from accounts.tenancy import scope


@contextmanager
def inside(account_id: UUID | None) -> Iterator[None]:
    """A transaction in the account's scope; for the platform just a transaction."""
    if account_id is None:
        with transaction.atomic():
            yield
    else:
        with scope(account_id):
            yield


def key_rows(account_id: UUID | None) -> Any:
    """The key rows of an account, inside its scope, or the platform's."""
    return (
        PlatformKey.objects.all() if account_id is None else AccountKey.objects.filter(account_id=account_id)
    )


def accounts_with_keys(after: UUID | None = None, limit: int | None = None) -> list[UUID]:
    """The accounts that have an active key, in order of their ids."""
    rows = AccountKey.objects.get_queryset().unscoped().filter(state=AccountKey.State.ACTIVE)
    if after is not None:
        rows = rows.filter(account_id__gt=after)
    return list(rows.order_by("account_id").values_list("account_id", flat=True)[:limit])
