"""Takes an operation's steps as a worker does, in a process of its own, and may be killed at a chosen moment.

`python -m tests.mlflow.steps ACCOUNT OPERATION [MOMENT]`: with a moment, the process ends by SIGKILL at it. What was
not committed by then is lost, and the operation's lease stays taken, as with a worker that lost its machine.
"""

import json
import os
import signal
import sys
import time
from typing import Any
from uuid import UUID

import django

django.setup()

from datetime import timedelta  # noqa: E402  # after django.setup()

from django.db.models import F  # noqa: E402

from accounts.tenancy import scope  # noqa: E402
from projects.models import Operation  # noqa: E402
from projects.operations.work import run  # noqa: E402
from registry.mlflow.client import Mlflow  # noqa: E402


def die(*_args: Any, **_kwargs: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(moment: str) -> None:
    """Arrange for this process to end: `before` MLflow is told, or `after` it has been, before that is written down."""
    tell = Mlflow.set_alias

    def told(*args: Any) -> None:
        if moment == "after":
            tell(*args)
        die()

    Mlflow.set_alias = told  # type: ignore[method-assign]


def finish(account_id: UUID, operation_id: UUID) -> Operation:
    """Take steps until it ends; a lease that a killed worker left is past its time at once."""
    with scope(account_id):
        rows = Operation.objects.filter(pk=operation_id, state="running")
        rows.update(lease_expires_at=F("lease_expires_at") - timedelta(minutes=5))
    while True:
        run(account_id, operation_id)
        with scope(account_id):
            found: Operation = Operation.objects.get(pk=operation_id)
            if found.finished:
                return found
            Operation.objects.filter(pk=operation_id).update(run_after=F("created_at"))
        time.sleep(0.05)


if __name__ == "__main__":
    account, operation, moment = sys.argv[1:]
    if moment:
        kill_at(moment)
    ended = finish(UUID(account), UUID(operation))
    print(json.dumps({"state": ended.state, "error": ended.error, "result": ended.result}))
