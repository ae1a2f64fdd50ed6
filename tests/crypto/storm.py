"""Rotations that are killed at each of their steps, one after the other. Run as a process of its own.

`python -m tests.crypto.storm root|accounts ACCOUNT`: a rotation is begun, run in a child that kills itself (SIGKILL)
right before its Nth statement or commit, finished by a second child, and everything is opened and compared; with
N = 1, 2, 3 … until a child comes through. Prints one line of JSON. Meanwhile `tests.crypto.writing` works in the same
database.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.conf import settings  # noqa: E402  # after the set-up it needs
from django.db import connection, transaction  # noqa: E402

from accounts import audit  # noqa: E402
from accounts.audit import Actor  # noqa: E402
from accounts.crypto import Place, seal, unseal  # noqa: E402
from accounts.ids import uuid7  # noqa: E402
from accounts.models import AccountKey, Credential, KeyState  # noqa: E402
from accounts.rotation import advance, begin, running  # noqa: E402
from accounts.rotation.roots import remaining_roots  # noqa: E402
from accounts.tenancy import scope  # noqa: E402

ALICE = Actor("user", "1", "alice")
# Writers open what they have loaded well within this; versions retired by the round before are destroyed in this one.
GRACE = timedelta(seconds=1)
_PLACE = Place(None, "accounts.User", uuid7(), "second_factor")


def in_a_child(work: Callable[[], None]) -> int:
    """Run `work` in a forked process; returns its exit status, negative for the signal that ended it."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException as error:  # nothing of a child may reach the parent's loop
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_at(kind: str, account_id: UUID, point: int) -> None:
    """Begin a rotation and go on with it, and die right before the `point`th statement or commit of that."""
    with audit.acting_as(ALICE, via="command"):
        begin(kind, reason="storm", only=account_id if kind == "accounts" else None)
    seen = 0

    def step() -> None:
        nonlocal seen
        seen += 1
        if seen == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: Any) -> Any:
        step()
        return execute(sql, parameters, many, context)

    commit = connection._commit

    def committing() -> None:
        step()
        commit()

    connection._commit = committing
    with connection.execute_wrapper(before):
        advance(grace=GRACE)


def swap_roots(kind: str) -> None:
    """What a rollout with a new root key does to every process."""
    if kind == "root":
        settings.ROOT_KEY, settings.ROOT_KEY_PREVIOUS = settings.ROOT_KEY_PREVIOUS, settings.ROOT_KEY


def finish(kind: str, account_id: UUID, sealed: bytes) -> None:
    """Bring the rotation to its end, open everything, and see that it did what it is for."""
    rotation = running()
    while rotation is not None and rotation.state == "running":
        rotation = advance(grace=GRACE)
    if rotation is not None and rotation.state != "succeeded":
        raise AssertionError(f"the rotation {rotation.state}: {rotation.error}")
    if kind == "root":
        # In no column: a new platform key would leave it behind.
        if unseal(sealed, _PLACE) != b"before it all":
            raise AssertionError("the platform's value has changed")
        if remaining_roots():
            raise AssertionError("keys are left under the root key before")
    with scope(account_id):
        active = AccountKey.objects.get(state=KeyState.ACTIVE)
        for credential in Credential.objects.all():
            if not credential.secret.reveal().startswith(credential.name.encode()):
                raise AssertionError(f"{credential.name} holds another's value")
        if rotation is not None and kind == "accounts" and active.created_at < rotation.created_at:
            raise AssertionError("the account kept its key")


def main(kind: str, account_id: UUID) -> None:
    sealed_path = os.pipe()

    def before() -> None:
        with transaction.atomic():
            os.write(sealed_path[1], seal(b"before it all", _PLACE))

    in_a_child(before)
    sealed = os.read(sealed_path[0], 4096)
    point = 0
    while True:
        point += 1
        swap_roots(kind)
        ended = in_a_child(partial(killed_at, kind, account_id, point))
        if ended not in (0, -signal.SIGKILL):
            sys.exit(1)
        if in_a_child(lambda: finish(kind, account_id, sealed)):
            sys.exit(1)
        if ended == 0:
            break

    def count() -> None:
        rows = AccountKey.objects.get_queryset().unscoped().filter(state=KeyState.DESTROYED)
        print(json.dumps({"points": point - 1, "destroyed": rows.count()}), flush=True)

    in_a_child(count)


if __name__ == "__main__":
    main(sys.argv[1], UUID(sys.argv[2]))
