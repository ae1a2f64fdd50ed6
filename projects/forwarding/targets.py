"""Where a target stands, behind one interface for a project's and the platform's.

A turn takes the lease, reads entries, hands them over, and moves the cursor; every write names the lease, so that a
turn that was overtaken (its process stopped for longer than the lease lasts) moves nothing.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts import audit
from accounts.audit import receipts
from accounts.audit.rows import PLATFORM_LOG, log_name, log_of
from accounts.models import Account
from accounts.tenancy import scope
from projects.forwarding import entries
from projects.forwarding.entries import Entry
from projects.forwarding.receivers import Receiver
from projects.models import AuditForward, ForwardTarget, PlatformForward, PlatformForwardCursor

# A batch: so many entries, or about so many bytes.
ENTRIES = 200
BYTES = 400_000
LEASE = timedelta(seconds=30)
PROJECT, PLATFORM = "project", "platform"


class Overtaken(Exception):
    """Another turn holds the lease by now, or the target is gone: what was done here does not count."""


class Held(ABC):
    """A target whose lease this turn holds."""

    row: Any

    def __init__(self, row: ForwardTarget, receiver: Receiver) -> None:
        self.row = row
        self.receiver = receiver

    @property
    @abstractmethod
    def log(self) -> str:
        """The log that is named by what is sent about the target itself."""

    @abstractmethod
    def opened(self) -> AbstractContextManager[Any]:
        """A transaction in which its row and its logs are read and written."""

    @abstractmethod
    def mine(self) -> Any:
        """The row, while the lease is this turn's, as a queryset."""

    @abstractmethod
    def wanted(self) -> list[tuple[UUID, int, int]]:
        """What is not acknowledged: log, first index, end; those that have waited longest first."""

    @abstractmethod
    def moved(self, ends: dict[UUID, int]) -> None:
        """Everything before these indexes was acknowledged. Raises `Overtaken`."""

    @abstractmethod
    def receipt(self) -> dict[str, Any]:
        """A fresh receipt; raises `NotFound` while nothing has been sealed."""

    def note(self, **values: Any) -> None:
        """Write the row. Raises `Overtaken`."""
        with self.opened():
            self._note(values)

    def _note(self, values: dict[str, Any]) -> None:
        if not self.mine().update(**values):
            raise Overtaken
        for name, value in values.items():
            setattr(self.row, name, value)

    def take(self) -> list[Entry]:
        """Read the next batch."""
        batch: list[Entry] = []
        size = 0
        with self.opened():
            for log_id, first, end in self.wanted():
                for entry in entries.read(log_id, first, min(end, first + ENTRIES - len(batch))):
                    size += len(json.dumps(entry.row)) if entry.row else 200
                    if batch and size > BYTES:
                        return batch
                    batch.append(entry)
                if len(batch) >= ENTRIES:
                    return batch
        return batch

    def acknowledged(self, batch: list[Entry]) -> None:
        """Move the cursors behind a batch; rows that were gone are put on record. Raises `Overtaken`."""
        ends = {log_of(entry.log): entry.index + 1 for entry in batch}
        gone = [entry for entry in batch if entry.row is None]
        with self.opened():
            self._note(
                {
                    "delivered_at": timezone.now(),
                    "lease_until": timezone.now() + LEASE,
                    "failures": 0,
                    "failing_since": None,
                    "problem": "",
                }
            )
            self.moved(ends)
            if gone:
                audit.record(
                    "audit.forward.gap",
                    self.row,
                    detail={
                        "rows": len(gone),
                        "first": gone[0].index,
                        "last": gone[-1].index,
                        "log": gone[0].log,
                        "months": sorted({entry.disposed for entry in gone}),
                    },
                )


class HeldProject(Held):
    """A target of one account's log, worked on in that account's scope."""

    row: AuditForward

    @property
    def log(self) -> str:
        return log_name(self.row.account_id)

    def opened(self) -> AbstractContextManager[Any]:
        return scope(self.row.account_id)

    def mine(self) -> Any:
        return AuditForward.objects.filter(pk=self.row.pk, lease=self.row.lease)

    def wanted(self) -> list[tuple[UUID, int, int]]:
        first = self.row.next_index
        end = sealed_size(self.row.account_id)
        return [(self.row.account_id, first, end)] if end > first else []

    def moved(self, ends: dict[UUID, int]) -> None:
        self._note({"next_index": ends[self.row.account_id]})

    def receipt(self) -> dict[str, Any]:
        with self.opened():
            return receipts.receipt_of(self.row.account_id)


class HeldPlatform(Held):
    """A target of the platform, worked on by the system's role without a scope."""

    row: PlatformForward

    @property
    def log(self) -> str:
        return "global" if self.row.every_log else log_name(PLATFORM_LOG)

    def opened(self) -> AbstractContextManager[Any]:
        return transaction.atomic()

    def mine(self) -> Any:
        return PlatformForward.objects.filter(pk=self.row.pk, lease=self.row.lease)

    def wanted(self) -> list[tuple[UUID, int, int]]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT h.log_id, coalesce(c.next_index, 0), h.size FROM accounts_audithead h"
                " LEFT JOIN projects_platformforwardcursor c ON c.log_id = h.log_id AND c.forward_id = %s"
                " WHERE h.size > coalesce(c.next_index, 0) AND (%s OR h.log_id = %s)"
                " ORDER BY c.moved_at NULLS FIRST, h.log_id LIMIT %s",
                [self.row.pk, self.row.every_log, PLATFORM_LOG, ENTRIES],
            )
            return list(cursor.fetchall())

    def moved(self, ends: dict[UUID, int]) -> None:
        at = timezone.now()
        PlatformForwardCursor.objects.bulk_create(
            [
                PlatformForwardCursor(forward=self.row, log_id=log_id, next_index=end, moved_at=at)
                for log_id, end in ends.items()
            ],
            update_conflicts=True,
            unique_fields=["forward", "log_id"],
            update_fields=["next_index", "moved_at"],
        )

    def receipt(self) -> dict[str, Any]:
        return receipts.receipt_of(None)


def sealed_size(log_id: UUID) -> int:
    """How many rows of a log are sealed, in its scope or by the system."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT size FROM accounts_audithead WHERE log_id = %s", [log_id])
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def _begin(row: PlatformForward) -> None:
    """Put a target that begins “now” to where each log ended when it was made; once."""
    with connection.cursor() as cursor:
        if row.begin == ForwardTarget.Begin.NOW:
            cursor.execute(
                "INSERT INTO projects_platformforwardcursor (forward_id, log_id, next_index, moved_at)"
                " SELECT %s, h.log_id, c.size, now() FROM accounts_audithead h CROSS JOIN LATERAL"
                " (SELECT k.size FROM accounts_auditcheckpoint k WHERE k.log_id = h.log_id AND k.at <= %s"
                " ORDER BY k.sequence DESC LIMIT 1) c ON CONFLICT (forward_id, log_id) DO NOTHING",
                [row.pk, row.created_at],
            )
    row.begun_at = timezone.now()
    row.save(update_fields=["begun_at"])


def _claimed(found: Any, now: datetime) -> Any:
    """Take the lease of the one row in `found`, if nobody has it; return the row or None."""
    free = found.filter(Q(lease_until=None) | Q(lease_until__lte=now))
    if not free.update(lease=F("lease") + 1, lease_until=now + LEASE):
        return None
    return found.get()


def _receiver(row: Any) -> Receiver:
    secret = row.secret.reveal().decode() if row.secret is not None else ""
    return Receiver(row.kind, row.address, row.authority, secret)


@contextmanager
def held(kind: str, account_id: UUID | None, pk: UUID) -> Iterator[Held | None]:
    """Take a target's lease for a turn; None where another turn has it, it is gone, or its account is not active."""
    now = timezone.now()
    found: Held | None = None
    if kind == PROJECT:
        assert account_id is not None
        with scope(account_id):
            if Account.objects.get(pk=account_id).state == Account.State.ACTIVE:
                row = _claimed(AuditForward.objects.filter(pk=pk), now)
                found = HeldProject(row, _receiver(row)) if row is not None else None
    else:
        with transaction.atomic():
            row = _claimed(PlatformForward.objects.filter(pk=pk), now)
            if row is not None:
                if row.begun_at is None:
                    _begin(row)
                found = HeldPlatform(row, _receiver(row))
    yield found
    if found is not None:
        with found.opened():
            found.mine().update(lease_until=None)
