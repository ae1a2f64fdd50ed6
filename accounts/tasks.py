"""Sweeps of this floor. Each looks at the rows for what is to be done; a lost message loses nothing."""

import structlog
from celery import shared_task
from django.conf import settings

from accounts import audit, devices, throttle
from accounts.audit import retention, sealing, whole
from accounts.audit.keys import KeyTrouble
from accounts.rotation import advance, tidy
from accounts.sessions import SessionStore

log = structlog.get_logger(__name__)


@shared_task(name="accounts.forget_ended_sessions", ignore_result=True)
def forget_ended_sessions() -> None:
    """Delete sessions that have ended, devices not seen for long, and buckets that are full again."""
    SessionStore.clear_expired()
    devices.forget_old()
    throttle.forget_full()


@shared_task(name="accounts.seal_audit", ignore_result=True)
def seal_audit() -> int:
    """Seal what waits; writers who never pause keep no worker for longer than the next sweep takes to come."""
    try:
        return sealing.seal_all(seconds=5.0).sealed
    except KeyTrouble as error:
        log.error("audit_not_sealed", why=str(error))
        return 0


@shared_task(name="accounts.verify_audit", ignore_result=True)
def verify_audit() -> int:
    """Run the verifications of the whole portal that somebody asked for, and one a day that nobody has to ask for."""
    whole.ask_daily()
    return whole.run_waiting()


@shared_task(name="accounts.audit_retention", ignore_result=True)
def audit_retention() -> list[str]:
    """Announce which months have outlived the retention, and drop those whose announcement is sealed."""
    with audit.acting_as(audit.SYSTEM, via="task"):
        return retention.sweep(settings.AUDIT_RETENTION_DAYS)


@shared_task(name="accounts.advance_rotation", ignore_result=True)
def advance_rotation() -> str:
    """Go on for a while with the rotation of keys under way, if there is one that no other process is at."""
    rotation = advance(20.0)
    return str(rotation.state) if rotation else ""


@shared_task(name="accounts.tidy_keys", ignore_result=True)
def tidy_keys() -> None:
    """Destroy retired keys that nothing needs any more; count what is under which."""
    tidy()
