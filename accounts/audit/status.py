"""How sealing stands, for pages and API: the newest checkpoint, what waits, and how the last verification ended."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from accounts.audit import rows
from accounts.audit.sealing import backlog
from accounts.audit.verify_export import Signed
from accounts.models.audit_seal import AuditCheckpoint, AuditGlobal, AuditVerification

# Longer than this is worth a look: rows are sealed within two seconds while the worker runs.
LATE_SECONDS = 60
STATES = ["sealed", "waiting", "late", "wrong"]
RECEIPT_KINDS = ["log", "global"]


@dataclass(frozen=True, slots=True)
class Status:
    """One log's state (all of them: `size` is None). `delay` is the age of the oldest row that waits."""

    sequence: int
    size: int | None
    sealed_at: datetime | None
    root: str
    key: str
    waiting: int
    delay: float
    verification: AuditVerification | None

    @property
    def late(self) -> bool:
        """Whether rows wait for longer than they should."""
        return self.delay > LATE_SECONDS

    @property
    def state(self) -> str:
        """In one word: wrong, late, sealed, or waiting where nothing has been sealed yet."""
        if self.verification is not None and self.verification.findings:
            return "wrong"
        if self.late:
            return "late"
        return "sealed" if self.sequence else "waiting"


def status_of(log_id: UUID | None) -> Status:
    """Return how one log stands, in its account's scope; None: all logs together, in an auditor's scope."""
    last: Any
    if log_id is None:
        last = rows.everywhere(AuditGlobal).order_by("-sequence").first()
    else:
        last = rows.everywhere(AuditCheckpoint).filter(log_id=log_id).order_by("-sequence").first()
    fields = Signed(last.body, b"").fields if last else {}
    waiting = backlog(log_id)
    oldest = waiting["oldest"]
    return Status(
        sequence=last.sequence if last else 0,
        size=getattr(last, "size", None) if last else None,
        sealed_at=last.at if last else None,
        root=fields.get("root", ""),
        key=fields.get("key", ""),
        waiting=waiting["count"],
        delay=max(0.0, (timezone.now() - oldest).total_seconds()) if oldest else 0.0,
        verification=rows.everywhere(AuditVerification).filter(log_id=log_id).first(),
    )
