"""Sealing: what waits becomes leaves, logs that grew get signed checkpoints, a global checkpoint names them all.

One transaction does all of it, so that a kill at any point leaves either everything or nothing of a pass, and no row
is sealed twice (its queue entry goes in the same transaction, and an event has one leaf at most). The order of a log
is the order of sealing: a transaction that commits late finds its rows still waiting, and they are sealed then.
"""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, connection, transaction

from accounts.audit import rows
from accounts.audit.keys import ring_of, sign, signing_key, timestamp
from accounts.audit.verify_export import (
    CHECKPOINT,
    GLOBAL,
    NOTHING,
    KeyRing,
    Signed,
    Tree,
    digest,
    leaf_hash,
    statement,
)
from accounts.crypto.signing import SigningKey
from accounts.models.audit_seal import AuditCheckpoint, AuditGlobal, AuditHead

log = structlog.get_logger(__name__)

BATCH = 20_000
_LOCK = "accounts.audit.sealing"
_SUM = 1 << 256


class Refused(Exception):
    """A log's head is not what was signed: sealing on top of it would sign a forgery. The log waits for a person."""


@dataclass(slots=True)
class Waiting:
    """What waits for one log: queue numbers, ids, times and leaf hashes, in order."""

    seqs: list[int]
    ids: list[str]
    times: list[str]
    hashes: list[bytes]


def locked() -> bool:
    """Take the sealer's lock until the transaction ends; False where another sealer has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [_LOCK])
        row = cursor.fetchone()
    return bool(row and row[0])


def collect(limit: int, without: frozenset[UUID] = frozenset()) -> dict[UUID, Waiting]:
    """Read up to `limit` rows that wait, by log."""
    found: dict[UUID, Waiting] = {}
    for seq, log_id, pk, at, line in rows.waiting(limit, without):
        waiting = found.setdefault(log_id, Waiting([], [], [], []))
        waiting.seqs.append(seq)
        waiting.ids.append(pk)
        waiting.times.append(at)
        waiting.hashes.append(leaf_hash(line))
    return found


def _head(log_id: UUID, ring: KeyRing) -> tuple[AuditCheckpoint | None, Tree, int]:
    """Return a log's last checkpoint, its tree and its sum; raise `Refused` where it is not what was signed."""
    last = rows.everywhere(AuditCheckpoint).filter(log_id=log_id).order_by("-sequence").first()
    known = rows.everywhere(AuditHead).filter(log_id=log_id).first()
    if last is None:
        if known is not None:
            raise Refused(f"its checkpoints are gone; the last one was number {known.sequence}")
        return None, Tree(), 0
    signed = Signed(last.body, bytes(last.signature))
    lines = signed.fields
    try:
        tree = Tree(int(lines["size"]), bytes(last.frontier))
    except ValueError as error:
        raise Refused(str(error)) from None
    if known is None or known.digest != digest(last.body):
        raise Refused("its last checkpoint is not the one that was made last")
    if why := ring.accepts(signed):
        raise Refused(why)
    if tree.root().hex() != lines["root"]:
        raise Refused("its frontier does not give the signed root")
    return last, tree, int(lines["sum"], 16)


def _extend(log_id: UUID, waiting: Waiting, key: SigningKey, ring: KeyRing, now: datetime) -> AuditHead:
    """Append leaves to one log and sign its new checkpoint; return the new head."""
    last, tree, total = _head(log_id, ring)
    first = tree.size
    for hashed in waiting.hashes:
        tree.append(hashed)
        total += int.from_bytes(hashed, "big")
    sequence = last.sequence + 1 if last else 1
    body = statement(
        CHECKPOINT,
        deployment=settings.DEPLOYMENT_ID,
        log=rows.log_name(log_id),
        sequence=sequence,
        size=tree.size,
        root=tree.root().hex(),
        sum=f"{total % _SUM:064x}",
        previous=digest(last.body) if last else NOTHING,
        time=timestamp(now),
        key=key.fingerprint,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_auditleaf (log_id, index, event_id, event_at, hash)"
            " SELECT %s, %s + o - 1, i, t, h FROM unnest(%s::uuid[], %s::timestamptz[], %s::bytea[])"
            " WITH ORDINALITY AS x(i, t, h, o)",
            [log_id, first, waiting.ids, waiting.times, waiting.hashes],
        )
        cursor.execute("DELETE FROM accounts_auditpending WHERE seq = ANY(%s)", [waiting.seqs])
    signed = sign(key, body)
    AuditCheckpoint.objects.create(
        log_id=log_id,
        sequence=sequence,
        size=tree.size,
        at=now,
        body=body,
        signature=signed.signature,
        frontier=tree.frontier,
    )
    return AuditHead(
        log_id=log_id, sequence=sequence, size=tree.size, root=tree.root().hex(), digest=digest(body), at=now
    )


def _remember(head: AuditHead) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_audithead (log_id, sequence, size, root, digest, at) VALUES (%s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (log_id) DO UPDATE SET sequence = excluded.sequence, size = excluded.size,"
            " root = excluded.root, digest = excluded.digest, at = excluded.at",
            [head.log_id, head.sequence, head.size, head.root, head.digest, head.at],
        )


def head_line(name: str, sequence: int, size: int, root: str, checkpoint: str) -> str:
    """Return how a global checkpoint names the head of one log."""
    return f"head {name} {sequence} {size} {root} {checkpoint}"


def heads_root(lines: list[str]) -> str:
    """Return the Merkle root over the lines of all heads, in the order of the logs' names."""
    tree = Tree()
    for line in sorted(lines):
        tree.append(leaf_hash(line.encode()))
    return tree.root().hex()


def _sign_heads(changed: list[AuditHead], key: SigningKey, now: datetime) -> None:
    """Sign the global checkpoint: the heads that moved, and the root over all of them."""
    last = rows.everywhere(AuditGlobal).order_by("-sequence").first()
    every = rows.everywhere(AuditHead).values_list("log_id", "sequence", "size", "root", "digest")
    lines = [head_line(rows.log_name(row[0]), *row[1:]) for row in every]
    moved = sorted(head_line(rows.log_name(h.log_id), h.sequence, h.size, h.root, h.digest) for h in changed)
    sequence = last.sequence + 1 if last else 1
    body = statement(
        GLOBAL,
        deployment=settings.DEPLOYMENT_ID,
        sequence=sequence,
        logs=len(lines),
        root=heads_root(lines),
        previous=digest(last.body) if last else NOTHING,
        time=timestamp(now),
        key=key.fingerprint,
    ) + "".join(f"{line}\n" for line in moved)
    AuditGlobal.objects.create(sequence=sequence, at=now, body=body, signature=sign(key, body).signature)
    # The process's log leaves the machine by another way than the database does: a witness of its own.
    log.info("audit_sealed", checkpoint=sequence, digest=digest(body), logs=len(moved))


@dataclass(slots=True)
class Pass:
    """What one pass did: rows sealed, and the logs that were refused."""

    sealed: int = 0
    refused: set[UUID] = field(default_factory=set)


def seal(limit: int = BATCH, without: frozenset[UUID] = frozenset()) -> Pass:
    """Seal up to `limit` rows that wait, of all logs but those `without`; nothing where another sealer is at it.

    A log whose head is not what was signed is left waiting, on the process's log; the others go on. Raises
    `KeyTrouble`.
    """
    done = Pass()
    with transaction.atomic():
        found = collect(limit, without) if locked() else {}
        if not found:
            return done
        key = signing_key()
        ring = ring_of([key.fingerprint])
        now = _now()
        heads: list[AuditHead] = []
        for log_id, waiting in found.items():
            try:
                with transaction.atomic():
                    head = _extend(log_id, waiting, key, ring, now)
                    _remember(head)
            except (Refused, IntegrityError) as error:
                log.error("audit_not_sealed", log=rows.log_name(log_id), why=str(error).split("\n")[0])
                done.refused.add(log_id)
                continue
            heads.append(head)
            done.sealed += len(waiting.ids)
        if heads:
            _sign_heads(heads, key, now)
    return done


def seal_all(limit: int = BATCH, seconds: float = float("inf")) -> Pass:
    """Seal until nothing waits that can be sealed, or for so many seconds; return what was done in all."""
    done, until = Pass(), time.monotonic() + seconds
    while time.monotonic() < until:
        one = seal(limit, frozenset(done.refused))
        done.sealed += one.sealed
        if not one.sealed and not one.refused - done.refused:
            return done
        done.refused |= one.refused
    return done


def _now() -> datetime:
    """Return the time; never before the last checkpoint's, where the clock was set back."""
    last = rows.everywhere(AuditGlobal).order_by("-sequence").values_list("at", flat=True).first()
    now = datetime.now(UTC)
    return max(now, last) if last else now


def backlog(log_id: UUID | None = None) -> dict[str, Any]:
    """Return how many rows of one log (None: of all) wait, and since when the oldest does (None: nothing waits)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), min(event_at) FROM accounts_auditpending WHERE %s::uuid IS NULL OR log_id = %s",
            [log_id, log_id],
        )
        count, oldest = cursor.fetchone()
    return {"count": count, "oldest": oldest}
