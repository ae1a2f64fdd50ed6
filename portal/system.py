"""How the portal itself is: its engines, and how many it serves. For the page and the API of the platform's admins."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from accounts.models import Account, User
from portal.health import engine_states

_PATIENCE = 8.0
STATES = ("ready", "starting", "failed")


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine: `state` is ready, starting or failed, `detail` says what is wrong with a failed one."""

    name: str
    state: str
    detail: str


@dataclass(frozen=True, slots=True)
class System:
    """The engines, and how many accounts and people there are."""

    engines: list[Engine]
    accounts: int
    people: int

    @property
    def healthy(self) -> bool:
        """Whether every engine is ready."""
        return all(engine.state == "ready" for engine in self.engines)


def _states() -> dict[str, str]:
    """Ask every engine how it is, from a thread of its own: the checks close their connection when they are done."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, engine_states()).result(timeout=_PATIENCE)


def _engine(name: str, state: str) -> Engine:
    known = state in ("ready", "starting")
    return Engine(name, state if known else "failed", "" if known else state)


def system_now() -> System:
    """Look at the system; a platform reader's scope is open."""
    engines = [_engine(name, state) for name, state in _states().items()]
    people = User.objects.filter(is_active=True).count()
    return System(engines, Account.objects.count(), people)
