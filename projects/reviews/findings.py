"""What a review holds: findings, of kinds, each with facts, a key of its own, and the search that shows the evidence.

Other floors add what they know of: they register a gatherer.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import AuditEvent
from projects.reviews.months import Month

# In the order in which a review shows them.
KINDS = (
    "log",
    "refused",
    "lockout",
    "break_glass",
    "data",
    "leaver",
    "dormant",
    "grant",
    "change",
    "link",
    "key",
)
# A review holds at most so many of each kind, and says how many more there are: those are for the search.
MOST = 200
# What ends within so many days after the month is named.
SOON = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Period:
    """Which month of whose log is looked at; `account_id` is None for the platform's own."""

    account_id: UUID | None
    month: Month
    now: datetime = field(default_factory=timezone.now)

    @property
    def until(self) -> datetime:
        """When the picture ends: with the month, or now where it runs."""
        return min(self.month.end, self.now)

    def events(self) -> QuerySet[AuditEvent]:
        """The month's records of this log."""
        return self.log().filter(at__gte=self.month.start, at__lt=self.month.end)

    def log(self) -> QuerySet[AuditEvent]:
        """All records of this log."""
        own = Q(account_id=self.account_id) if self.account_id else Q(account_id__isnull=True)
        return AuditEvent.objects.filter(own)

    def soon(self, moment: datetime) -> bool:
        """Whether something ends after now and within a month after the period."""
        return self.now < moment <= self.until + SOON

    def search(self, **filters: str) -> dict[str, str]:
        """The search of the log that shows the evidence in this month."""
        return {**filters, "since": self.month.first.isoformat(), "until": self.month.last_day.isoformat()}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something worth a look. `facts` are plain data, in no language; `notable` ones stand out; `search` are filters
    of the audit search, none where the log is not the evidence.
    """

    kind: str
    key: str
    about: str
    facts: dict[str, Any] = field(default_factory=dict)
    notable: bool = False
    search: dict[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As it is stored, signed and shown by the API."""
        return {**asdict(self), "key": f"{self.kind}:{self.key}"[:300]}


Gatherer = Callable[[Period], Iterable[Finding]]
_of_accounts: list[Gatherer] = []
_of_platform: list[Gatherer] = []


def register_findings(gatherer: Gatherer, *, platform: bool = False) -> None:
    """Let a floor say what in an account (or of the platform itself) is worth a look; from an app's `ready()`.

    It is called in the account's scope, or in an auditor's.
    """
    known = _of_platform if platform else _of_accounts
    if gatherer not in known:
        known.append(gatherer)


def gathered(period: Period) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Return what is worth a look, in the order of KINDS, and how many of a kind were left out."""
    found: dict[str, list[Finding]] = {kind: [] for kind in KINDS}
    for gatherer in _of_accounts if period.account_id else _of_platform:
        for finding in gatherer(period):
            found[finding.kind].append(finding)
    findings: list[dict[str, Any]] = []
    left_out = {}
    for kind, every in found.items():
        every.sort(key=lambda finding: not finding.notable)  # stable: what stands out comes first
        findings += [finding.document() for finding in every[:MOST]]
        if len(every) > MOST:
            left_out[kind] = len(every) - MOST
    return findings, left_out
