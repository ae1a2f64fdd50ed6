"""Dropping uploads that nobody has gone on with: their bytes would otherwise fill the disk."""

from django.utils import timezone

from accounts import audit
from accounts.tenancy import scope
from registry.datasets.actions.uploads import drop_upload
from registry.models import DatasetUpload

_BATCH = 500


def expire_uploads() -> int:
    """Drop every upload whose time is over; returns how many. For the system role, outside any scope."""
    over = DatasetUpload.objects.get_queryset().unscoped().filter(expires_at__lt=timezone.now())
    dropped = 0
    for account_id, pk in list(over.values_list("account_id", "pk")[:_BATCH]):
        with audit.acting_as(audit.SYSTEM, via="task"), scope(account_id):
            rows = DatasetUpload.objects.select_related("version__dataset", "blob")
            still = rows.filter(pk=pk, expires_at__lt=timezone.now()).select_for_update(of=("self",)).first()
            if still is not None:
                drop_upload(still, reason="expired")
                dropped += 1
    return dropped
