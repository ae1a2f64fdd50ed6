"""What the filters of an audit log suggest: what its newest records hold, the most frequent first."""

from collections import Counter

from django.db.models import QuerySet

from accounts.models import AuditEvent

LOOKED_AT = 2000
MOST = 60


def suggestions(rows: QuerySet[AuditEvent]) -> dict[str, list[str]]:
    """Return known values by the filter's name, from the newest records of the whole log."""
    newest = rows.order_by("-at", "-id").values_list(
        "actor_label", "on_behalf_of", "action", "target_label", "target_type", "via", "ip"
    )[:LOOKED_AT]
    found: dict[str, Counter[str]] = {
        name: Counter() for name in ("actor", "on_behalf_of", "action", "target", "target_type", "via", "ip")
    }
    for values in newest:
        for counter, value in zip(found.values(), values, strict=True):
            counter[value] += 1
    found["actor"] += found["on_behalf_of"]
    for action in list(found["action"]):
        kind = action.partition(".")[0]
        found["action"][f"{kind}.*"] += found["action"][action]
    return {
        name: [value for value, _count in counter.most_common(MOST) if value]
        for name, counter in found.items()
    }
