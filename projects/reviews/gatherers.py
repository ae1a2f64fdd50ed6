"""Which findings of this floor a review holds."""

from projects.reviews import from_log, from_state
from projects.reviews.findings import register_findings


def register() -> None:
    """Called once, as the app starts."""
    for gatherer in (
        from_log.refused,
        from_log.break_glass,
        from_log.guarded_data,
        from_log.changes,
        from_log.links,
        from_log.keys,
        from_state.leavers,
        from_state.dormant,
        from_state.ending,
    ):
        register_findings(gatherer)
    for gatherer in (
        from_log.refused,
        from_log.lockouts,
        from_log.changes,
        from_log.keys,
        from_state.platform_leavers,
    ):
        register_findings(gatherer, platform=True)
