"""A user id of its own for each account, where the agent is root. A fact of this machine, so a file of
this machine holds it.
"""

import fcntl
import json
import os
import pwd
import zlib
from pathlib import Path
from uuid import UUID

FIRST_UID = 210_000
BLOCKS, BLOCK = 10_000, 1_000


def first_uid(deployment: str) -> int:
    """Where a deployment's user ids begin: two portals on one machine must not take each other's processes
    for their own.
    """
    return FIRST_UID + zlib.crc32(deployment.encode()) % BLOCKS * BLOCK


class Identities:
    """Hands out user ids; one that was given is never given to another account."""

    def __init__(self, root: Path, first: int = FIRST_UID) -> None:
        self._path = root / "uids.json"
        self._first = first

    def uid_of(self, account_id: UUID) -> int:
        """Return the account's user id, making one at first use."""
        with open(self._path.with_suffix(".lock"), "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            given = self._read()
            uid = given.get(str(account_id))
            if uid is None:
                uid = max([self._first - 1, *given.values()]) + 1
                while _exists(uid):
                    uid += 1
                given[str(account_id)] = uid
                draft = self._path.with_suffix(".new")
                with open(draft, "w", encoding="ascii") as file:
                    json.dump(given, file)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(draft, self._path)
            return uid

    def all_uids(self) -> frozenset[int]:
        return frozenset(self._read().values())

    def _read(self) -> dict[str, int]:
        try:
            given: dict[str, int] = json.loads(self._path.read_text("ascii"))
        except FileNotFoundError:
            return {}
        return given


def _exists(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
