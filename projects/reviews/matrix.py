"""Which months of which logs are reviewed, in review, open or overdue."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.models import Account
from projects.audit_log import PLATFORM_ITSELF
from projects.models import AuditReview
from projects.reviews.months import Month

CURRENT, OPEN, OVERDUE, NONE = "current_month", "to_review", "overdue", "none"
STATES = [NONE, CURRENT, OPEN, OVERDUE, *AuditReview.State.values]
# The months that are looked at: those which privacy rules ask for, and the running one.
MONTHS = 13


@dataclass(frozen=True, slots=True)
class Cell:
    """One month of one log. State `none`: the log was not there yet."""

    month: Month
    state: str

    @property
    def due(self) -> Any:
        """Until when it is to be signed off."""
        return self.month.due


@dataclass(frozen=True, slots=True)
class Row:
    """One log's months, newest first. `log` is how addresses name it: an account's id, or `platform`."""

    log: str
    name: str
    months: list[Cell]

    @property
    def overdue(self) -> int:
        """How many months are late."""
        return sum(cell.state == OVERDUE for cell in self.months)


def state_of(state: str | None, month: Month, opened_at: datetime | None) -> str:
    """In which state a month is; `state` is its review's, None where there is none."""
    if state == AuditReview.State.SIGNED:
        return state
    if opened_at is None or opened_at >= month.end:
        return NONE
    if month.overdue:
        return OVERDUE
    if state is not None:
        return state
    return OPEN if month.ended else CURRENT


Log = tuple[UUID | None, str, datetime | None]


def platform_log(name: str) -> Log:
    """The platform's own log, which begins with the first account. One query."""
    return None, name, Account.objects.order_by("created_at").values_list("created_at", flat=True).first()


def matrix(logs: Iterable[Log], months: Sequence[Month]) -> list[Row]:
    """Return the logs' months, in an auditor's scope or in that of the one account. One query."""
    rows = AuditReview.objects.filter(month__gte=months[-1].first)
    known = {
        (account_id, month): state
        for account_id, month, state in rows.values_list("account_id", "month", "state")
    }
    return [
        Row(
            str(account_id or PLATFORM_ITSELF),
            name,
            [Cell(month, state_of(known.get((account_id, month.first)), month, opened)) for month in months],
        )
        for account_id, name, opened in logs
    ]


def overdue(logs: Iterable[Log]) -> int:
    """How many reviews are late. One query."""
    return sum(row.overdue for row in matrix(logs, Month.last(MONTHS)))
