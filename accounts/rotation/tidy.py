"""What is looked after without anybody asking."""

from datetime import timedelta

from django.utils import timezone

from accounts import audit
from accounts.models import AccountKey, KeyState, PlatformKey
from accounts.rotation.census import count_values
from accounts.rotation.destroy import destroy_unused
from accounts.rotation.roots import adopt_roots
from accounts.rotation.rows import accounts_with_keys

_COUNTED_FOR = timedelta(hours=1)
_COUNTED_AT_ONCE = 50


def tidy() -> None:
    """Destroy retired versions that nothing needs any more, and count values whose count is an hour old."""
    with audit.acting_as(audit.SYSTEM, via="task"):
        adopt_roots()
        retired = AccountKey.objects.get_queryset().unscoped().filter(state=KeyState.RETIRED)
        for account_id in retired.values_list("account_id", flat=True).distinct():
            destroy_unused(account_id)
        fresh = timezone.now() - _COUNTED_FOR
        counted = (
            AccountKey.objects.get_queryset().unscoped().filter(state=KeyState.ACTIVE, counted_at__gt=fresh)
        )
        recent = set(counted.values_list("account_id", flat=True))
        stale = [account_id for account_id in accounts_with_keys() if account_id not in recent]
        for account_id in stale[:_COUNTED_AT_ONCE]:
            count_values(account_id)
        if not PlatformKey.objects.filter(state=KeyState.ACTIVE, counted_at__gt=fresh).exists():
            count_values(None)
