"""An operation's log: sealed pieces in order, cheap to append and to follow."""

from collections.abc import Iterator

from django.db.models import Max

from accounts.crypto import Place, seal, unseal
from accounts.ids import uuid7
from projects.models import Operation, OperationLog


def _place(piece: OperationLog) -> Place:
    return Place(piece.account_id, "projects.OperationLog", str(piece.pk), "sealed")


def append(operation: Operation, text: str) -> None:
    """Add text to an operation's log, in the open scope; the caller holds the operation's fence."""
    last = OperationLog.objects.filter(operation=operation).aggregate(last=Max("seq"))["last"] or 0
    piece = OperationLog(id=uuid7(), account_id=operation.account_id, operation=operation, seq=last + 1)
    piece.sealed = seal(text.encode(), _place(piece))
    piece.save(force_insert=True)


def read(operation: Operation, after: int = 0) -> Iterator[tuple[int, str]]:
    """Yield `(seq, text)` for the pieces after `after`, in order."""
    for piece in OperationLog.objects.filter(operation=operation, seq__gt=after).order_by("seq"):
        yield piece.seq, unseal(bytes(piece.sealed), _place(piece)).decode()
