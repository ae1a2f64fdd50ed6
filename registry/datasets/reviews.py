"""What of datasets a monthly review holds: grants of who has left or does nothing, and grants without an end."""

from collections.abc import Iterator

from django.db.models import CharField, Exists, OuterRef, Q
from django.db.models.functions import Cast

from accounts.models import AuditEvent
from projects.models import Membership
from projects.reviews.findings import Finding, Period
from projects.reviews.from_state import DORMANT
from registry.datasets.sensitivity import live_grants


def dataset_grants(period: Period) -> Iterator[Finding]:
    """Grants on datasets that leavers and stopped robots still have, of robots that do nothing, and those that never
    end, or end within the month after.
    """
    member = Membership.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=period.now), user_id=OuterRef("user_id")
    )
    seen = AuditEvent.objects.filter(account_id=period.account_id, at__gte=period.until - DORMANT)
    own = seen.filter(actor_id=Cast(OuterRef("robot_id"), CharField()))
    behalf = seen.filter(on_behalf_of=OuterRef("robot__name"))  # by the jobs that it launched
    rows = (
        live_grants()
        .select_related("user", "robot", "dataset")
        .annotate(member=Exists(member), acts=Exists(own) | Exists(behalf))
    )
    for let in rows.order_by("dataset__name", "pk"):
        until = let.expires_at.isoformat() if let.expires_at else None
        facts = {"what": "dataset", "thing": let.dataset.name, "until": until, "reason": let.reason}
        search = {"thing": f"dataset:{let.dataset_id}", "action": "dataset.access_*"}
        if let.user is not None and not (let.user.is_active and let.member):
            left = {**facts, "active": let.user.is_active}
            yield Finding("leaver", f"dataset:{let.pk}", let.bearer, left, True, search)
            continue
        if let.robot is not None and not let.robot.works:
            stopped = {**facts, "robot": str(let.robot.state)}
            yield Finding("leaver", f"dataset:{let.pk}", let.bearer, stopped, True, search)
            continue
        if let.robot is not None and not let.acts and let.robot.created_at < period.until - DORMANT:
            idle = {**facts, "robot": str(let.robot.state), "days": DORMANT.days}
            yield Finding("dormant", f"dataset:{let.pk}", let.bearer, idle, True, search)
        if let.expires_at is None or period.soon(let.expires_at):
            facts |= {"bearer": let.bearer_kind, "level": let.dataset.sensitivity}
            yield Finding("grant", f"dataset:{let.pk}", let.bearer, facts, let.expires_at is None, search)
