"""Protection keys: each row is one version, wrapped by the root key. Rotations of them, and their end."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.ids import uuid7
from accounts.tenancy.models import TenantModel
from accounts.tenancy.scope import ACCOUNT, PLATFORM


class KeyState(models.TextChoices):
    """The active version seals; a retired one opens what it sealed until all of that is under the active one.

    A destroyed one is its number only: a version is never given twice.
    """

    ACTIVE = "active", _("Active")
    RETIRED = "retired", _("Retired")
    DESTROYED = "destroyed", _("Destroyed")


class KeyVersion(models.Model):
    """What a version of a protection key consists of.

    `wrapped` is the key, wrapped by the root key that `root` names (empty: from before names were kept); no bytes once
    it is destroyed. `sealed_values` is how many values were under it at `counted_at`.
    """

    State = KeyState

    version = models.PositiveIntegerField()
    wrapped = models.BinaryField()
    root = models.CharField(max_length=128, blank=True, default="", db_default="")
    state = models.CharField(max_length=16, choices=KeyState, default=KeyState.ACTIVE)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True)
    destroyed_at = models.DateTimeField(null=True)
    sealed_values = models.BigIntegerField(null=True)
    counted_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    @property
    def label(self) -> str:
        """How audit entries call this version."""
        return f"v{self.version}"


class AccountKey(TenantModel, KeyVersion):
    """One version of an account's protection key."""

    readable_in: ClassVar[frozenset[str]] = frozenset({ACCOUNT, PLATFORM})

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["account", "version"], name="accounts_accountkey_version"),
            models.UniqueConstraint(
                fields=["account"], condition=models.Q(state="active"), name="accounts_accountkey_one_active"
            ),
        ]


class PlatformKey(KeyVersion):
    """One version of the platform's protection key, for sealed values that belong to no tenant."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["version"], name="accounts_platformkey_version"),
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="active"), name="accounts_platformkey_one_active"
            ),
        ]


class KeyRotation(models.Model):
    """A rotation that was asked for, how far it is, and how it ended. At most one is under way.

    `total` and `done` count keys (of a root rotation) or accounts, the platform being one more; `rewrapped` counts data
    keys, `unopened` what opened under no key known here and was left as it is. A rotation of one account names it in
    `only`. `log` keeps the latest lines of what was done. What is to be done follows from the keys' rows: this row is
    told, not asked.
    """

    class Kind(models.TextChoices):
        ROOT = "root", _("Root key")
        ACCOUNTS = "accounts", _("Protection keys of accounts")

    class State(models.TextChoices):
        RUNNING = "running", _("Running")
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=16, choices=Kind)
    state = models.CharField(max_length=16, choices=State, default=State.RUNNING)
    only = models.UUIDField(null=True)
    reason = models.CharField(max_length=500, blank=True)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_label = models.CharField(max_length=160)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    rewrapped = models.PositiveBigIntegerField(default=0)
    unopened = models.PositiveIntegerField(default=0)
    after = models.UUIDField(null=True)
    error = models.TextField(blank=True)
    log = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="running"), name="accounts_keyrotation_one_running"
            ),
        ]

    # What a line of the log says, in the reader's language. A line is [when, what, of what, number].
    SAYS: ClassVar[dict[str, Any]] = {
        "roots": _("%(count)d protection keys wrapped by the current root key"),
        "version": _("%(of)s: version %(count)d seals from now on"),
        "rewrapped": _("%(of)s: %(count)d keys of values wrapped anew"),
        "destroyed": _("%(of)s: version %(count)d destroyed, nothing needed it"),
        "unopened": _("%(of)s: its key does not open, or was destroyed meanwhile"),
    }
    LONGEST_LOG: ClassVar[int] = 400

    @property
    def lines(self) -> list[tuple[datetime | None, str]]:
        """The log for people: when, and what."""
        return [
            (parse_datetime(at), str(self.SAYS[what]) % {"of": of or gettext("The platform"), "count": count})
            for at, what, of, count in self.log
        ]

    @property
    def stage(self) -> str:
        """The latest line of the log."""
        return self.lines[-1][1] if self.log else ""

    @property
    def label(self) -> str:
        """How audit entries call this rotation."""
        return f"{self.kind} keys" if self.kind == self.Kind.ACCOUNTS else "root key"

    @property
    def progress(self) -> float | None:
        """How much of it is done, 0..1; None before it was counted."""
        return min(self.done / self.total, 1.0) if self.total else None


class KeyDestruction(models.Model):
    """A request to destroy an account's keys, which a second platform admin decides.

        waiting ──approve──▶ approved ──worker──▶ done | failed
           ├────reject─────▶ rejected
           └────withdraw───▶ withdrawn

    One that nobody decided within `LIFETIME` is decided no more. It belongs to the platform: it outlives the account.
    """

    LIFETIME: ClassVar[timedelta] = timedelta(days=7)

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        APPROVED = "approved", _("Approved")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        REJECTED = "rejected", _("Rejected")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account_id = models.UUIDField()
    account_name = models.CharField(max_length=120)
    slug = models.CharField(max_length=48)
    reason = models.CharField(max_length=500)
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    asked_by_id = models.UUIDField()
    asked_by_label = models.CharField(max_length=160)
    decided_by_label = models.CharField(max_length=160, blank=True)
    note = models.CharField(max_length=500, blank=True)
    self_approved = models.BooleanField(default=False)
    versions = models.JSONField(default=list)
    values_count = models.PositiveBigIntegerField(default=0)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["account_id"],
                condition=models.Q(state__in=["waiting", "approved"]),
                name="accounts_keydestruction_one_open",
            ),
        ]

    @property
    def label(self) -> str:
        """How audit entries call this request."""
        return self.slug

    @property
    def decidable(self) -> bool:
        """Whether it waits, and may still be decided."""
        return self.state == self.State.WAITING and self.created_at > timezone.now() - self.LIFETIME
