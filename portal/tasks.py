"""The canary: proof that a message put into Redis comes out in a worker that can reach the database."""

from celery import shared_task

from portal.liveness import WORKER, beat


@shared_task(name="portal.canary", ignore_result=True)
def canary() -> None:
    """Note that a worker has consumed this."""
    beat(WORKER)
