"""What ends by itself: doors count nothing that is over; here its end goes on record."""

from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from accounts import audit
from accounts.tenancy import scope
from projects import approvals
from projects.actions.access import record_end
from projects.actions.break_glass import record_end as record_break_glass_end
from projects.actions.members import end_membership
from projects.lookups import ended_memberships
from projects.models import ApprovalRequest, BreakGlass, Membership, PermissionGrant

AT_ONCE = 500


def _ids(
    rows: QuerySet[PermissionGrant] | QuerySet[Membership] | QuerySet[ApprovalRequest],
) -> list[tuple[UUID, UUID]]:
    return list(rows.order_by("expires_at").values_list("account_id", "pk")[:AT_ONCE])


def sweep() -> int:
    """Record every end that has come since the last sweep, across accounts; returns how many."""
    now, count = timezone.now(), 0
    with audit.acting_as(audit.SYSTEM, via="task"):
        due = PermissionGrant.objects.get_queryset().unscoped().filter(ended_at=None, expires_at__lte=now)
        for account_id, pk in _ids(due):
            with scope(account_id):
                record_end(PermissionGrant.objects.select_related("user").get(pk=pk))
            count += 1
        broken = BreakGlass.objects.get_queryset().unscoped().filter(ended_at=None, expires_at__lte=now)
        for account_id, pk in _ids(broken):
            with scope(account_id):
                record_break_glass_end(BreakGlass.objects.get(pk=pk))
            count += 1
        for account_id, pk in ended_memberships(AT_ONCE):
            with scope(account_id):
                ended = Membership.objects.select_related("user").filter(pk=pk, expires_at__lte=now).first()
                if ended is not None:
                    end_membership(ended)
            count += 1
        waiting = ApprovalRequest.objects.get_queryset().unscoped()
        for account_id, pk in _ids(waiting.filter(state="waiting", expires_at__lte=now)):
            with scope(account_id):
                count += approvals.expire(ApprovalRequest.objects.get(pk=pk))
    return count
