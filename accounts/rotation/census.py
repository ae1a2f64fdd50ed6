"""How many values are under which version of a key."""

from collections import Counter
from uuid import UUID

from django.db import connection
from django.utils import timezone

from accounts.crypto.columns import SealedColumn, sealed_columns
from accounts.models import KeyState
from accounts.rotation.rows import inside, key_rows


def values_by_version(account_id: UUID | None) -> dict[str, Counter[int]]:
    """Count the sealed values of an account, inside its scope, or the platform's: per model, per key version."""
    return {
        f"{column.model}.{column.field}": _count(column, account_id)
        for column in sealed_columns(platform=account_id is None)
    }


def _count(column: SealedColumn, account_id: UUID | None) -> Counter[int]:
    name = connection.ops.quote_name
    sealed = name(column.column)
    owner, parameters = ("AND account_id = %s", [account_id]) if account_id is not None else ("", [])
    query = (
        f"SELECT substring({sealed} from 2 for 4), count(*) FROM {name(column.table)} "  # noqa: S608
        f"WHERE {sealed} IS NOT NULL {owner} GROUP BY 1"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return Counter({int.from_bytes(bytes(version), "big"): count for version, count in cursor.fetchall()})


def count_values(account_id: UUID | None) -> Counter[int]:
    """Count, and note the counts on the key's rows, where the page reads them."""
    with inside(account_id):
        total: Counter[int] = Counter()
        for counted in values_by_version(account_id).values():
            total += counted
        for row in key_rows(account_id).exclude(state=KeyState.DESTROYED).only("pk", "version"):
            key_rows(account_id).filter(pk=row.pk).update(
                sealed_values=total[row.version], counted_at=timezone.now()
            )
    return total
