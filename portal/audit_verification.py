"""An auditor asks for a verification of every log: a row that the worker's sweep takes up, and a message to hurry."""

import structlog
from django.db import transaction

from accounts import audit
from accounts.audit import Target, whole
from accounts.models import AuditVerification
from accounts.tenancy import platform_scope

log = structlog.get_logger(__name__)


def ask_for_everything(requested_by: str) -> AuditVerification:
    """Write down that everything is to be verified; one that waits or runs already is the answer to this too."""
    audit.record("audit.verify.requested", Target("auditlog", "", "global"))
    with platform_scope("auditor"):
        under_way = AuditVerification.objects.filter(log_id__isnull=True).exclude(state="finished").first()
        if under_way is not None:
            return under_way
        asked = whole.ask(requested_by)
    transaction.on_commit(_hurry)
    return asked


def _hurry() -> None:
    from accounts.tasks import verify_audit

    try:
        verify_audit.apply_async(retry=False)
    except Exception as error:  # the broker is down: the row waits for the sweep
        log.warning("wake_up_not_sent", task="verify_audit", error=type(error).__name__)
