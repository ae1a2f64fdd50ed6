"""Dropping uploads that nobody has gone on with, whose bytes would fill the disk; recording grants that ended."""

from django.utils import timezone

from accounts import audit
from accounts.tenancy import scope
from registry.datasets.actions.uploads import drop_upload
from registry.models import DatasetGrant, DatasetUpload

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


def record_ends() -> int:
    """Put on record which grants on datasets have come to their end; returns how many. For the system role."""
    now = timezone.now()
    over = DatasetGrant.objects.get_queryset().unscoped().filter(ended_at=None, expires_at__lte=now)
    ended = 0
    for account_id, pk in list(over.values_list("account_id", "pk")[:_BATCH]):
        with audit.acting_as(audit.SYSTEM, via="task"), scope(account_id):
            let = DatasetGrant.objects.select_related("dataset", "user", "robot").get(pk=pk)
            if DatasetGrant.objects.filter(pk=pk, ended_at=None).update(ended_at=let.expires_at):
                detail = {"to": let.bearer, "grant": str(pk), "expired": True}
                audit.record("dataset.access_end", let.dataset, detail=detail)
                ended += 1
    return ended
