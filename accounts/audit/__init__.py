"""The audit log: written here, sealed in `sealing`, checked in `verification`, read elsewhere. See docs/audit.md."""

from accounts.audit.record import (
    ANONYMOUS,
    SYSTEM,
    Actor,
    Context,
    Target,
    acting_as,
    current_context,
    outcome_of,
    record,
)

__all__ = [
    "ANONYMOUS",
    "SYSTEM",
    "Actor",
    "Context",
    "Target",
    "acting_as",
    "current_context",
    "outcome_of",
    "record",
]
