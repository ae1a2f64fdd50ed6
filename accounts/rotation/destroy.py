"""Destroying keys: retired versions that nothing needs any more, and all those of an account to be shredded."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import OperationalError, connection
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.errors import Conflict, Invalid, NotFound
from accounts.models import Account, AccountKey, KeyState
from accounts.rotation.accounts import rewrap_account
from accounts.rotation.census import values_by_version
from accounts.rotation.rows import inside, key_rows
from accounts.tenancy import scope

# A row that somebody has loaded but not opened yet still names the retired version.
GRACE = timedelta(seconds=60)
_LOCK_PATIENCE = "5s"


def destroy_unused(account_id: UUID | None, *, grace: timedelta = GRACE) -> list[int]:
    """Destroy an account's retired versions under which nothing lies, and return their numbers; none of the platform's.

    A version's row is locked first, which waits for every transaction that still seals under it; what those have
    written is seen by the count that follows, and keeps the version until it is re-wrapped.
    """
    if account_id is None:
        # Digests of API tokens name the version whose pepper they were made with, and cannot be made again without the
        # token: the platform's versions stay, retired.
        return []
    before = timezone.now() - grace
    with inside(account_id):
        retired = key_rows(account_id).filter(state=KeyState.RETIRED, retired_at__lte=before)
        versions = list(retired.order_by("version").values_list("version", flat=True))
    if not versions:
        return []
    rewrap_account(account_id)
    return [version for version in versions if _destroy(account_id, version, before)]


def _destroy(account_id: UUID | None, version: int, before: datetime) -> bool:
    try:
        with inside(account_id):
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_PATIENCE])
            rows = key_rows(account_id).filter(
                version=version, state=KeyState.RETIRED, retired_at__lte=before
            )
            found = rows.select_for_update().first()
            if found is None or any(counted[version] for counted in values_by_version(account_id).values()):
                return False
            _wipe(account_id, [version])
            audit.record("key.destroy", found, detail={"version": version})
            return True
    except OperationalError as error:
        if (
            getattr(error.__cause__, "sqlstate", "") == "55P03"
        ):  # lock_not_available: somebody seals for long; later
            return False
        raise


def _wipe(account_id: UUID | None, versions: list[int]) -> None:
    key_rows(account_id).filter(version__in=versions).update(
        wrapped=b"", state=KeyState.DESTROYED, destroyed_at=timezone.now(), sealed_values=0
    )


@dataclass(frozen=True, slots=True)
class Shredded:
    """What crypto-shredding destroyed: versions of the key, and how many values of which kind opened under them."""

    account: str
    versions: list[int]
    values: dict[str, int] = field(default_factory=dict)


def shred(account_id: UUID, *, confirm: str, slug: str, reason: str) -> Shredded:
    """Destroy every version of an account's key: nothing sealed for it opens again, anywhere but from backups.

    The account must be suspended or closed, and `confirm` must be its project's `slug`, typed by whoever asks. Raises
    `Invalid`, `Conflict`, `NotFound`. Transactions that seal at this moment are waited for. Processes hold unwrapped
    keys for a minute at most, and use them only after reading the key's row.
    """
    if confirm != slug:
        message = _("To destroy the keys of “%(slug)s”, confirm with exactly that name.") % {"slug": slug}
        raise Invalid("key.confirm", message, errors={"confirm": [message]})
    if not reason.strip():
        message = _("Say why: the reason goes on record.")
        raise Invalid("key.reason", message, errors={"reason": [message]})
    with scope(account_id):
        # Locked: who reopens the account at this moment comes before, and is seen, or after.
        account = Account.objects.select_for_update().filter(pk=account_id).first()
        if account is None:
            raise NotFound("account.not_found", _("There is no such account."))
        if account.state == Account.State.ACTIVE:
            raise Conflict(
                "key.account_active",
                _("“%(name)s” is in use. Suspend or close the account before its keys are destroyed.")
                % {"name": account.name},
            )
        rows = AccountKey.objects.select_for_update().exclude(state=KeyState.DESTROYED)
        versions = sorted(row.version for row in rows)
        values = {model: sum(counts.values()) for model, counts in values_by_version(account_id).items()}
        values = {model: count for model, count in values.items() if count}
        _wipe(account_id, versions)
        audit.record(
            "key.shred", account, detail={"versions": versions, "values": values, "reason": reason.strip()}
        )
    return Shredded(account.name, versions, values)
