"""Sweeps of this floor."""

from celery import shared_task

from accounts import devices, throttle
from accounts.sessions import SessionStore


@shared_task(name="accounts.forget_ended_sessions", ignore_result=True)
def forget_ended_sessions() -> None:
    """Delete sessions that have ended, devices not seen for long, and buckets that are full again."""
    SessionStore.clear_expired()
    devices.forget_old()
    throttle.forget_full()
