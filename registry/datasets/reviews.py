"""What of datasets a monthly review holds: grants of people who have left, and grants without an end."""

from collections.abc import Iterator

from django.db.models import Exists, OuterRef, Q

from projects.models import Membership
from projects.reviews.findings import Finding, Period
from registry.datasets.sensitivity import live_grants


def dataset_grants(period: Period) -> Iterator[Finding]:
    """Grants on datasets that leavers still have, that never end, or that end within the month after."""
    member = Membership.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=period.now), user_id=OuterRef("user_id")
    )
    rows = live_grants().select_related("user", "dataset").annotate(member=Exists(member))
    for let in rows.order_by("dataset__name", "pk"):
        until = let.expires_at.isoformat() if let.expires_at else None
        facts = {"what": "dataset", "thing": let.dataset.name, "until": until, "reason": let.reason}
        search = {"thing": f"dataset:{let.dataset_id}", "action": "dataset.access_*"}
        if let.user is not None and not (let.user.is_active and let.member):
            left = {**facts, "active": let.user.is_active}
            yield Finding("leaver", f"dataset:{let.pk}", let.bearer, left, True, search)
        elif let.expires_at is None or period.soon(let.expires_at):
            facts |= {"bearer": "person" if let.user else "role", "level": let.dataset.sensitivity}
            yield Finding("grant", f"dataset:{let.pk}", let.bearer, facts, let.expires_at is None, search)
