"""How the keys are: for the page, the API and the command alike."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from accounts.crypto import root_keys
from accounts.crypto.root import keeper
from accounts.errors import PortalError
from accounts.models import Account, AccountKey, KeyRotation, KeyState, PlatformKey
from accounts.rotation.census import count_values
from accounts.tenancy import current_scope


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a protection key; `values` is None before anything was counted."""

    version: int
    state: str
    root: str
    created_at: datetime
    values: int | None
    counted_at: datetime | None

    @property
    def state_label(self) -> str:
        """The state in the reader's language."""
        return str(KeyState(self.state).label)


@dataclass(frozen=True, slots=True)
class KeysOf:
    """The versions that an account (id None: the platform) has, newest first; none once they are shredded."""

    id: UUID | None
    name: str
    state: str
    versions: list[Version]

    @property
    def active(self) -> Version | None:
        """The version that seals."""
        return next((version for version in self.versions if version.state == KeyState.ACTIVE), None)

    @property
    def retired(self) -> list[Version]:
        """The versions that still open."""
        return [version for version in self.versions if version.state == KeyState.RETIRED]


@dataclass(frozen=True, slots=True)
class RootStatus:
    """The root key that wraps: who keeps it, its name, its version where the keeper counts; `error` where it is away.

    `others` also open; `behind` is how many protection keys are not under it.
    """

    provider: str
    name: str
    generation: str
    others: list[str]
    behind: int | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """Everything there is to say about keys, and no key."""

    root: RootStatus
    platform: KeysOf
    accounts: list[KeysOf]
    rotation: KeyRotation | None
    last: dict[str, KeyRotation]

    def as_data(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return {
            "root": {
                "provider": self.root.provider,
                "name": self.root.name,
                "generation": self.root.generation,
                "others": self.root.others,
                "behind": self.root.behind,
                "error": self.root.error,
            },
            "platform": _keys_data(self.platform),
            "accounts": [_keys_data(account) for account in self.accounts],
            "rotation": _rotation_data(self.rotation) if self.rotation else None,
            "last": {kind: _rotation_data(rotation) for kind, rotation in self.last.items()},
        }


def root_status() -> RootStatus:
    """Ask the root keys; a keeper that does not answer is said to be away, not an error."""
    roots = root_keys()
    try:
        current = roots.current.id
        others = [root.id for root in roots.others]
    except PortalError as error:
        return RootStatus("transit", "", "", [], None, str(error))
    provider, _separator, name = keeper(current).partition(":")
    generation = current.partition("#")[2]
    rows = AccountKey.objects.all() if current_scope() else AccountKey.objects.get_queryset().unscoped()
    behind = int(rows.exclude(state=KeyState.DESTROYED).exclude(root=current).count())
    behind += PlatformKey.objects.exclude(state=KeyState.DESTROYED).exclude(root=current).count()
    return RootStatus(provider, name, generation, others, behind)


def keys_of(accounts: list[Account]) -> list[KeysOf]:
    """The versions of these accounts, in their order; in a scope that may read them."""
    rows = AccountKey.objects.all() if current_scope() else AccountKey.objects.get_queryset().unscoped()
    found: dict[UUID, list[Version]] = defaultdict(list)
    kept = rows.filter(account_id__in=[account.pk for account in accounts]).exclude(state=KeyState.DESTROYED)
    for row in kept.order_by("-version"):
        found[row.account_id].append(_version(row))
    return [KeysOf(account.pk, account.name, account.state, found[account.pk]) for account in accounts]


def platform_keys() -> KeysOf:
    """The versions of the platform's key."""
    rows = PlatformKey.objects.exclude(state=KeyState.DESTROYED).order_by("-version")
    return KeysOf(None, "", Account.State.ACTIVE, [_version(row) for row in rows])


def last_rotations() -> dict[str, KeyRotation]:
    """The newest rotation of each kind that ended well."""
    ended = KeyRotation.objects.filter(state=KeyRotation.State.SUCCEEDED).filter(
        Q(kind=KeyRotation.Kind.ROOT) | Q(only__isnull=True)
    )
    return {rotation.kind: rotation for rotation in ended.order_by("kind", "-finished_at").distinct("kind")}


def status(*, live: bool = False) -> KeyStatus:
    """Look at all keys. `live` counts the values now, which only the system's processes can."""
    rows = Account.objects.all() if current_scope() else Account.objects.get_queryset().unscoped()
    accounts = list(rows.order_by("name", "pk"))
    if live:
        count_values(None)
        for account in accounts:
            count_values(account.pk)
    return KeyStatus(
        root_status(),
        platform_keys(),
        keys_of(accounts),
        KeyRotation.objects.filter(state=KeyRotation.State.RUNNING).first(),
        last_rotations(),
    )


def _version(row: AccountKey | PlatformKey) -> Version:
    return Version(row.version, row.state, row.root, row.created_at, row.sealed_values, row.counted_at)


def _keys_data(keys: KeysOf) -> dict[str, Any]:
    versions = [
        {
            "version": version.version,
            "state": version.state,
            "root": version.root,
            "created_at": version.created_at.isoformat(),
            "values": version.values,
        }
        for version in keys.versions
    ]
    return {"account": str(keys.id) if keys.id else None, "name": keys.name, "versions": versions}


def _rotation_data(rotation: KeyRotation) -> dict[str, Any]:
    return {
        "id": str(rotation.pk),
        "kind": rotation.kind,
        "state": rotation.state,
        "done": rotation.done,
        "total": rotation.total,
        "rewrapped": rotation.rewrapped,
        "unopened": rotation.unopened,
        "started_at": rotation.created_at.isoformat(),
        "finished_at": rotation.finished_at.isoformat() if rotation.finished_at else None,
    }
