"""Proofs that outsiders check without the log: one record is in it, and one checkpoint continues another.

Audit and consistency paths of RFC 6962 (2.1.1, 2.1.2; the same in RFC 9162, 2.1.3 and 2.1.4). A path needs the hashes
of about log2(size) subtrees. The left ones of two siblings are peaks in the frontier of every checkpoint that was made
while they were the newest of their size; what no frontier holds is put together from its halves, down to a few leaves.
Nothing that comes from the database is believed: a proof that does not give the signed root is not handed out.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from accounts.audit import rows
from accounts.audit.export import columns_of
from accounts.audit.keys import statements, timestamp
from accounts.audit.verify_export import (
    COLUMNS,
    PROOF,
    Signed,
    Tree,
    consistent,
    node_hash,
    root_of_path,
)
from accounts.errors import Conflict, Invalid, NotFound
from accounts.models.audit_seal import AuditCheckpoint

PROOF_KINDS = ["inclusion", "consistency"]
# A subtree of so many leaves or fewer is computed from them: one query, and hashes for well under a millisecond.
_FEW = 128
# So many are, where they were all sealed at once: no frontier can help.
_MANY = 32_768


@dataclass(slots=True)
class _Hashes:
    """The hashes of subtrees of one log's tree of `size` leaves."""

    log_id: UUID
    size: int

    def of(self, start: int, end: int) -> bytes:
        """Return the Merkle tree hash of the leaves [start, end)."""
        if end - start <= _FEW:
            return self._leaves(start, end)
        found = self._peak(start, end)
        if found is not None:
            return found
        if end - start <= _MANY and not self._divided(start, end):
            return self._leaves(start, end)
        middle = start + split(end - start)
        return node_hash(self.of(start, middle), self.of(middle, end))

    def _leaves(self, start: int, end: int) -> bytes:
        tree = Tree()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT hash FROM accounts_auditleaf WHERE log_id = %s AND index >= %s AND index < %s ORDER BY index",
                [self.log_id, start, end],
            )
            for (hashed,) in cursor.fetchall():
                tree.append(bytes(hashed))
        if tree.size != end - start:
            raise _wrong()
        return tree.root()

    def _divided(self, start: int, end: int) -> bool:
        """Whether a checkpoint ends within these leaves, so that a part of them may be a peak."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM accounts_auditcheckpoint WHERE log_id = %s AND size > %s AND size < %s)",
                [self.log_id, start, end],
            )
            row = cursor.fetchone()
        return bool(row and row[0])

    def _peak(self, start: int, end: int) -> bytes | None:
        """Look a perfect, left subtree up in the frontier of a checkpoint that ended inside its right sibling."""
        width = end - start
        if width & (width - 1) or (start // width) & 1:
            return None
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT size, frontier FROM accounts_auditcheckpoint"
                " WHERE log_id = %s AND size >= %s AND size < %s ORDER BY size LIMIT 1",
                [self.log_id, end, end + width],
            )
            row = cursor.fetchone()
        if row is None:
            return None
        size, frontier = int(row[0]), bytes(row[1])
        place = (size >> width.bit_length()).bit_count() * 32
        return frontier[place : place + 32]


def split(size: int) -> int:
    """Return the largest power of two below `size`: where RFC 6962 divides a tree."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_path(log_id: UUID, index: int, size: int) -> list[bytes]:
    """Return the audit path of a leaf in the tree of `size` leaves, from the leaf up (RFC 6962, 2.1.1)."""
    hashes, path = _Hashes(log_id, size), []
    start, end = 0, size
    while end - start > 1:
        middle = start + split(end - start)
        if index < middle:
            path.append(hashes.of(middle, end))
            end = middle
        else:
            path.append(hashes.of(start, middle))
            start = middle
    return path[::-1]


def consistency_path(log_id: UUID, first: int, size: int) -> list[bytes]:
    """Return the path from the tree of `first` leaves to that of `size` (RFC 6962, 2.1.2), 0 < first <= size."""
    hashes, path = _Hashes(log_id, size), []
    start, end, known = 0, size, True
    while start + first < end:
        middle = split(end - start)
        if first <= middle:
            path.append(hashes.of(start + middle, end))
            end = start + middle
        else:
            path.append(hashes.of(start, start + middle))
            start, first, known = start + middle, first - middle, False
    if not known:
        path.append(hashes.of(start, end))
    return path[::-1]


def _wrong() -> Conflict:
    return Conflict(
        "audit.not_as_sealed",
        _("The log is not as it was sealed: no proof can be made. Have it verified."),
    )


def _checkpoint(log_id: UUID, sequence: int | None) -> Signed:
    found = rows.everywhere(AuditCheckpoint).filter(log_id=log_id).order_by("-sequence")
    last = (found if sequence is None else found.filter(sequence=sequence)).first()
    if last is None:
        raise NotFound("audit.no_checkpoint", _("There is no such checkpoint."))
    return Signed(last.body, bytes(last.signature))


def _document(kind: str, log_id: UUID, **more: Any) -> dict[str, Any]:
    return {
        "format": PROOF,
        "version": 1,
        "kind": kind,
        "log": rows.log_name(log_id),
        **more,
        "issued_at": timestamp(datetime.now(UTC)),
        "keys": [one.document() for one in statements()],
    }


def log_and_index(event_id: UUID, log_id: UUID | None = None) -> tuple[UUID, int]:
    """Return in which log, and at which index, an event is sealed; `log_id`: in this log alone.

    Raises `NotFound`, and `Conflict` for an event that is not sealed yet.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT log_id, index FROM accounts_auditleaf WHERE event_id = %s AND (%s::uuid IS NULL OR log_id = %s)",
            [event_id, log_id, log_id],
        )
        row = cursor.fetchone()
        if row is not None:
            return row[0], int(row[1])
        cursor.execute(
            "SELECT 1 FROM accounts_auditpending WHERE event_id = %s AND (%s::uuid IS NULL OR log_id = %s)",
            [event_id, log_id, log_id],
        )
        if cursor.fetchone() is not None:
            raise Conflict(
                "audit.not_sealed", _("This record is not sealed yet. Try again in a few seconds.")
            )
    raise NotFound("audit.not_found", _("There is no such event."))


def inclusion(log_id: UUID, index: int, sequence: int | None = None) -> dict[str, Any]:
    """Prove that a leaf is in the log, towards a checkpoint (the newest, or number `sequence`).

    Raises `NotFound` for a checkpoint that there is not, `Invalid` for one that is older than the leaf, `Conflict`
    where the log is not as it was sealed.
    """
    signed = _checkpoint(log_id, sequence)
    size = int(signed.fields["size"])
    if index >= size:
        message = _("That checkpoint was signed before this record was sealed: choose a newer one.")
        raise Invalid("audit.too_old", message, errors={"checkpoint": [message]})
    _index, stored, event, partition, line = next(rows.leaves(log_id, index, index + 1))
    path = inclusion_path(log_id, index, size)
    root = root_of_path(stored, index, size, path)
    if root is None or root.hex() != signed.fields["root"]:
        raise _wrong()
    row = (
        {"disposed": partition}
        if line is None
        else {"row": dict(zip(COLUMNS, columns_of(line), strict=True))}
    )
    return _document(
        "inclusion",
        log_id,
        index=index,
        event=event,
        leaf=stored.hex(),
        **row,
        path=[one.hex() for one in path],
        checkpoint=signed.document(),
    )


def consistency(log_id: UUID, first: int, second: int) -> dict[str, Any]:
    """Prove that checkpoint number `second` of a log continues number `first`. Raises as `inclusion` does."""
    if first > second:
        message = _("The older checkpoint comes first: `from` is no greater than `to`.")
        raise Invalid("audit.order", message, errors={"from": [message]})
    older, newer = _checkpoint(log_id, first), _checkpoint(log_id, second)
    sizes = int(older.fields["size"]), int(newer.fields["size"])
    path = consistency_path(log_id, *sizes)
    roots = bytes.fromhex(older.fields["root"]), bytes.fromhex(newer.fields["root"])
    if not consistent(*sizes, *roots, path):
        raise _wrong()
    return _document(
        "consistency",
        log_id,
        path=[one.hex() for one in path],
        first=older.document(),
        checkpoint=newer.document(),
    )
