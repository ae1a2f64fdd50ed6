"""Signs of life of background processes, in PostgreSQL: a process that exists may still have stopped working."""

from datetime import timedelta

from django.utils import timezone

from portal.models import Heartbeat

WORKER = "worker"
STALE_AFTER = timedelta(seconds=45)


def beat(name: str) -> None:
    """Note that the named process does its work right now."""
    Heartbeat.objects.update_or_create(name=name, defaults={"seen_at": timezone.now()})


def age(name: str) -> timedelta | None:
    """How long ago the named process gave a sign of life; None if it never did."""
    seen = Heartbeat.objects.filter(name=name).values_list("seen_at", flat=True).first()
    return None if seen is None else timezone.now() - seen
