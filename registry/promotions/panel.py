"""What the page of a request shows beside the facts: both versions side by side."""

from typing import Any

from projects.models import ApprovalRequest
from registry.models import Promotion
from registry.promotions.actions import of_request
from registry.promotions.evidence import compared

TEMPLATE = "registry/partials/promotion.html"


def panel(request: ApprovalRequest) -> tuple[str, dict[str, Any]]:
    """The template of a promotion's comparison, and its context."""
    return TEMPLATE, shown(of_request(request))


def shown(promotion: Promotion) -> dict[str, Any]:
    """What `partials/promotion.html` needs of a promotion, saved or not."""
    challenger, current = promotion.evidence["challenger"], promotion.evidence["current"]
    return {
        "promotion": promotion,
        "sides": [side for side in (challenger, current) if side is not None],
        "challenger": challenger,
        "current": current,
        "metrics": compared(challenger, current),
    }
