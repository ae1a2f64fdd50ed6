"""A writer for the rotation's storm: seals, replaces, opens and compares, again and again. Run as a process of its own.

`python -m tests.crypto.writing ACCOUNT`: until SIGTERM; prints how much it did as JSON, or ends with the first error.
"""

import json
import os
import signal
import sys
import time
from threading import Event
from typing import Any
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from accounts.crypto import new_data_key, open_data_key  # noqa: E402  # after the set-up they need
from accounts.ids import uuid7  # noqa: E402
from accounts.models import Credential  # noqa: E402
from accounts.tenancy import scope  # noqa: E402
from registry.models import Blob  # noqa: E402

_KEPT = 3
_stop = Event()


def _end(*_: Any) -> None:
    _stop.set()


def turn(account_id: UUID, number: int) -> None:
    """One round of what requests do: a new value, one replaced, one saved unchanged from an old look, all opened."""
    name = f"writer-{os.getpid()}-{number % _KEPT}"
    with scope(account_id):
        row = Credential.objects.filter(name=name).first()
        stale = Credential.objects.filter(name=name).first()
        if row is None:
            row = Credential(name=name, kind=Credential.Kind.GIT, created_by_label="writer")
        row.secret = f"{name} {number}".encode()
        row.save()
        if stale is not None:
            stale.created_by_label = "looked at before"
            stale.save()
        blob = Blob(id=uuid7(), account_id=account_id, chunk_size=1024)
        _key, blob.wrapped_key = new_data_key(blob.place)
        if number < _KEPT:
            blob.save(force_insert=True)
    with scope(account_id):
        for found in Credential.objects.filter(name__startswith=f"writer-{os.getpid()}-"):
            if not found.secret.reveal().startswith(found.name.encode() + b" "):
                raise AssertionError(f"{found.name} holds another's value")
        for kept in Blob.objects.all():
            open_data_key(kept.wrapped_key, kept.place)


def main(account_id: UUID) -> None:
    signal.signal(signal.SIGTERM, _end)
    number = 0
    while not _stop.is_set():
        turn(account_id, number)
        number += 1
        time.sleep(0.02)  # the rotation is to have a turn as well
        if number == 1:
            print("writing", flush=True)
    print(json.dumps({"turns": number}), flush=True)


if __name__ == "__main__":
    main(UUID(sys.argv[1]))
