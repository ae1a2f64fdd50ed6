"""Operations: a row first, Celery only to wake up. See `docs/architecture.md`."""

from projects.operations.registry import Again, Done, Failed, register
from projects.operations.submit import cancel, retry, submit, wake
from projects.operations.work import Work

__all__ = ["Again", "Done", "Failed", "Work", "cancel", "register", "retry", "submit", "wake"]
