"""Which operating system user the engines run as.

PostgreSQL refuses to run as root. Where the portal runs as root (containers, first trials on a server), the
engines get an existing unprivileged user; everywhere else they run as whoever started the portal.
"""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from portal.engines.errors import EngineError

_CANDIDATES = ("postgres", "daemon", "nobody")


@dataclass(frozen=True)
class EngineUser:
    """The user an engine's process runs as, and whether that is another than ours."""

    name: str
    uid: int
    gid: int
    foreign: bool

    def own(self, path: Path) -> None:
        """Hand a folder over to the engine."""
        if self.foreign:
            os.chown(path, self.uid, self.gid)

    def spawn_arguments(self) -> dict[str, object]:
        """What subprocess.Popen needs to become this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.foreign else {}

    def can_enter(self, folder: Path) -> bool:
        """Whether every folder on the way to (and with) this one lets the user through."""
        if not self.foreign:
            return True
        for step in [folder, *folder.parents]:
            if not step.exists():
                continue
            found = step.stat()
            shift = 6 if found.st_uid == self.uid else 3 if found.st_gid == self.gid else 0
            if not (found.st_mode >> shift) & 0o1:
                return False
        return True


def engine_user() -> EngineUser:
    """The user for the engines on this machine; EngineError where root finds no unprivileged one."""
    if os.geteuid() != 0:
        own = pwd.getpwuid(os.geteuid())
        return EngineUser(own.pw_name, own.pw_uid, own.pw_gid, foreign=False)
    for name in _CANDIDATES:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return EngineUser(found.pw_name, found.pw_uid, found.pw_gid, foreign=True)
    raise EngineError(
        f"PostgreSQL does not run as root, and none of the users {', '.join(_CANDIDATES)} exists"
    )
