"""Protection keys: each row is one version, wrapped by the root key."""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.ids import uuid7
from accounts.tenancy.models import TenantModel


class KeyState(models.TextChoices):
    """The active version seals; a retired one opens what it sealed until that is under the active one."""

    ACTIVE = "active", _("Active")
    RETIRED = "retired", _("Retired")


class AccountKey(TenantModel):
    """One version of an account's protection key."""

    State = KeyState

    version = models.PositiveIntegerField()
    wrapped = models.BinaryField()
    state = models.CharField(max_length=16, choices=KeyState, default=KeyState.ACTIVE)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["account", "version"], name="accounts_accountkey_version"),
            models.UniqueConstraint(
                fields=["account"], condition=models.Q(state="active"), name="accounts_accountkey_one_active"
            ),
        ]


class PlatformKey(models.Model):
    """One version of the platform's protection key, for sealed values that belong to no tenant."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.PositiveIntegerField()
    wrapped = models.BinaryField()
    state = models.CharField(max_length=16, choices=KeyState, default=KeyState.ACTIVE)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["version"], name="accounts_platformkey_version"),
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="active"), name="accounts_platformkey_one_active"
            ),
        ]
