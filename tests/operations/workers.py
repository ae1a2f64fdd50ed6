"""Kinds of operations for tests, in a process of their own: `python -m tests.operations.workers` is a Celery worker.

What a handler does is told by the operation's payload, so that the process under test runs nothing but the product's
own code around it.
"""

import os
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    import django

    django.setup()

from projects import operations
from projects.operations import Again, Done, Failed, Work
from projects.operations.registry import Cancelled

KIND = "test.work"


def _mark(work: Work, what: str) -> None:
    """Leave a trace outside the database: who ran which step, when."""
    folder = work.payload.get("traces")
    if folder:
        with Path(folder, str(work.operation.pk)).open("a") as trace:
            trace.write(f"{os.getpid()} {work.fence} {what} {time.time()}\n")


def handle(work: Work) -> Done | Again:
    """Do what the payload says: `steps` to take, seconds to `dwell` in each, or a way to go wrong."""
    payload = work.payload
    _mark(work, "begin")
    if work.cancel_requested:
        raise Cancelled
    if payload.get("refuse"):
        raise Failed(payload["refuse"])
    if payload.get("broken", 0) > payload.get("tried", 0):
        work.save(tried=payload.get("tried", 0) + 1)
        raise RuntimeError("secret-in-the-text")
    step = payload.get("step", 0)
    work.stage(f"step {step}", step / max(payload.get("steps", 1), 1))
    time.sleep(payload.get("dwell", 0))
    work.log(f"step {step} done")
    work.save(step=step + 1)
    _mark(work, "end")
    if step + 1 < payload.get("steps", 1):
        return Again(0)
    return Done({"steps": step + 1})


def register() -> None:
    """Make the kind known, once."""
    operations.register(KIND, handle)


if __name__ == "__main__":
    from portal.celery import app

    register()
    sys.argv[0] = "celery"
    app.worker_main(
        [
            "worker",
            *("--pool", "threads", "--concurrency", "2", "--loglevel", "WARNING"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ]
    )
