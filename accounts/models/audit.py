"""The audit log's rows. Written by `accounts.audit.record` alone; PostgreSQL refuses every change and deletion."""

from typing import Any, ClassVar, TypeVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.ids import uuid7
from accounts.tenancy.models import TenantQuerySet
from accounts.tenancy.scope import ACCOUNT, PERSONAL, PLATFORM, ScopeError

M = TypeVar("M", bound=models.Model)


class Outcome(models.TextChoices):
    """How the attempt ended."""

    OK = "ok", _("Allowed")
    DENIED = "denied", _("Denied")
    FAILED = "failed", _("Failed")


class AppendOnlyQuerySet(TenantQuerySet[M]):
    """Reads within a scope; appends anywhere; never changes."""

    def _guard(self, *, writes: bool = False) -> None:
        if writes:
            raise ScopeError("The audit log is append-only: nothing changes or removes its rows.")
        super()._guard()

    def _insert(self, *args: Any, **kwargs: Any) -> Any:
        return models.QuerySet._insert(self, *args, **kwargs)  # type: ignore[attr-defined]


class AuditEvent(models.Model):
    """Who did what to which thing, from where, on whose behalf, and how it ended.

    Actor and target are ids with labels, not foreign keys: the record outlives them. The table is partitioned by
    month on `at`; a row without an account belongs to the platform (sign-ins, operator's commands).
    """

    readable_in: ClassVar[frozenset[str]] = frozenset({ACCOUNT, PERSONAL, PLATFORM})

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(_("When"))
    account_id = models.UUIDField(null=True)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_label = models.CharField(_("Who"), max_length=160)
    on_behalf_of = models.CharField(_("On whose behalf"), max_length=160, blank=True)
    action = models.CharField(_("Action"), max_length=64)
    target_type = models.CharField(max_length=64, blank=True)
    target_id = models.CharField(max_length=255, blank=True)
    target_label = models.CharField(_("Target"), max_length=255, blank=True)
    outcome = models.CharField(_("Outcome"), max_length=8, choices=Outcome)
    via = models.CharField(_("Via"), max_length=16)
    ip = models.CharField(_("Address"), max_length=45, blank=True)
    user_agent = models.CharField(max_length=255, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    detail = models.JSONField(default=dict)

    objects = AppendOnlyQuerySet["AuditEvent"].as_manager()

    class Meta:
        base_manager_name = "objects"
        db_table = "accounts_auditevent"
        ordering: ClassVar[list[str]] = ["-at", "-id"]

    @property
    def who(self) -> str:
        """The person, where one is known; else the token, run or process itself."""
        return self.on_behalf_of or self.actor_label

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refuse: the audit log is append-only."""
        raise ScopeError("The audit log is append-only: nothing removes its rows.")
