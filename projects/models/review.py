"""The auditors' monthly reviews, one a log and month: what was found, what was said of it, the sign-off."""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.ids import uuid7
from accounts.tenancy.models import TenantQuerySet
from accounts.tenancy.scope import ACCOUNT, PLATFORM, current_scope


class ReviewQuerySet(TenantQuerySet["AuditReview"]):
    """Reads and writes in an account's scope, and in an auditor's: there only the platform's own may be written."""

    def _guard(self, *, writes: bool = False) -> None:
        opened = current_scope()
        if writes and opened is not None and opened.kind == PLATFORM:
            return  # the table's policy takes nothing of an account's here
        super()._guard(writes=writes)

    def update(self, **kwargs: Any) -> int:
        self._guard(writes=True)
        return models.QuerySet.update(self, **kwargs)

    def _insert(self, *args: Any, **kwargs: Any) -> Any:
        self._guard(writes=True)
        return models.QuerySet._insert(self, *args, **kwargs)  # type: ignore[attr-defined]


class AuditReview(models.Model):
    """What an auditor looked at for one month of one account's log, or (`account_id` null) of the platform's own.

    `findings` are the exceptions as they were gathered at `gathered_at`: facts without words, each with a `key`.
    `marks` maps a finding's key to what was said of it. Signed, the row holds the exact text whose SHA-256 the
    sign-off's record names; a trigger refuses every change of it. Like the log it outlives the account.
    """

    readable_in: ClassVar[frozenset[str]] = frozenset({ACCOUNT, PLATFORM})

    class State(models.TextChoices):
        """Where it stands."""

        IN_REVIEW = "in_review", _("In review")
        SIGNED = "signed", _("Signed off")

    class Verdict(models.TextChoices):
        """What was said of a finding."""

        OK = "ok", _("In order")
        ACTION = "action", _("Needs action")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account_id = models.UUIDField(null=True)
    month = models.DateField()
    state = models.CharField(max_length=16, choices=State, default=State.IN_REVIEW)
    findings = models.JSONField(default=list)
    left_out = models.JSONField(default=dict)
    marks = models.JSONField(default=dict)
    begun_at = models.DateTimeField(auto_now_add=True)
    gathered_at = models.DateTimeField()
    gathered_by_label = models.CharField(max_length=160)
    note = models.TextField(blank=True)
    signed_at = models.DateTimeField(null=True)
    signed_by_label = models.CharField(max_length=160, blank=True)
    content = models.TextField(blank=True)
    sha256 = models.CharField(max_length=64, blank=True)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["account_id", "month"], name="projects_auditreview_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=models.Q(state="in_review", sha256="", signed_at=None)
                | models.Q(state="signed", sha256__regex=r"^[0-9a-f]{64}$", signed_at__isnull=False),
                name="projects_auditreview_signed",
            ),
            models.CheckConstraint(condition=models.Q(month__day=1), name="projects_auditreview_month"),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["month"], name="projects_auditreview_by_month")]

    @property
    def label(self) -> str:
        """How audit entries call this review: its month."""
        return f"{self.month:%Y-%m}"

    @property
    def marked(self) -> list[dict[str, Any]]:
        """The findings, each with what was said of it (`mark`, or None)."""
        return [{**finding, "mark": self.marks.get(finding["key"])} for finding in self.findings]

    @property
    def open_findings(self) -> int:
        """How many findings nobody has said anything of."""
        return sum(1 for finding in self.findings if finding["key"] not in self.marks)

    @property
    def needing_action(self) -> int:
        """How many findings need action."""
        return sum(1 for mark in self.marks.values() if mark["verdict"] == self.Verdict.ACTION)
