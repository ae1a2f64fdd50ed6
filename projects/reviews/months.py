"""Calendar months (UTC) as reviews go by them: when one begins, ends, and is due to be signed off."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Self

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.errors import NotFound

# A month's review is to be signed off within so many days after its end; from then on it shows as overdue.
DUE_DAYS = 15
_EARLIEST = 2000
_FORM = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month; `first` is its first day."""

    first: date

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `2026-11`; raises `NotFound` for anything else, and for a month that has not begun."""
        if not _FORM.fullmatch(text):
            raise no_such_month()
        year, number = int(text[:4]), int(text[5:])
        if year < _EARLIEST or date(year, number, 1) > timezone.now().date():
            raise no_such_month()
        return cls(date(year, number, 1))

    @classmethod
    def current(cls) -> Self:
        """The month that runs now."""
        return cls(timezone.now().date().replace(day=1))

    @classmethod
    def last(cls, count: int) -> list["Month"]:
        """The last months, newest first, the running one among them."""
        months: list[Month] = [cls.current()]
        while len(months) < count:
            months.append(months[-1].before)
        return months

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"

    @property
    def before(self) -> "Month":
        """The month before."""
        return Month((self.first - timedelta(days=1)).replace(day=1))

    @property
    def start(self) -> datetime:
        """Its first moment."""
        return datetime(self.first.year, self.first.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        following = (self.first + timedelta(days=31)).replace(day=1)
        return datetime(following.year, following.month, 1, tzinfo=UTC)

    @property
    def last_day(self) -> date:
        """Its last day."""
        return (self.end - timedelta(days=1)).date()

    @property
    def ended(self) -> bool:
        """Whether it is over: only then can it be signed off."""
        return self.end <= timezone.now()

    @property
    def due(self) -> date:
        """The last day on which its sign-off is in time."""
        return (self.end + timedelta(days=DUE_DAYS - 1)).date()

    @property
    def overdue(self) -> bool:
        """Whether its sign-off is late, if there is none."""
        return timezone.now().date() > self.due


def no_such_month() -> NotFound:
    """What somebody is told who asks for a month that there is not."""
    return NotFound("review.month", _("There is no such month here: months are written 2026-11."))


__all__ = ["DUE_DAYS", "Month", "no_such_month"]
