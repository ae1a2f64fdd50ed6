"""Protection keys: each row is one version, wrapped by the root key. And the rotations of them."""

from typing import Any, ClassVar

from django.db import models
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
    `only`. What is to be done follows from the keys' rows: this row is told, not asked.
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
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="running"), name="accounts_keyrotation_one_running"
            ),
        ]

    @property
    def label(self) -> str:
        """How audit entries call this rotation."""
        return f"{self.kind} keys" if self.kind == self.Kind.ACCOUNTS else "root key"

    @property
    def progress(self) -> float | None:
        """How much of it is done, 0..1; None before it was counted."""
        return min(self.done / self.total, 1.0) if self.total else None
