"""What one caller may take of a web process at a time: streams and waits that stay open, and memory for bodies.

The counts are of this process: a portal of two web processes allows twice as much. They hold nobody off for longer
than what is open lasts, and are gone with the process.
"""

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from django.utils.translation import gettext as _

from accounts.errors import TooManyRequests
from projects.doors.grant import Grant

# A person with every page of a project open in a few tabs has fewer; so has a script that waits for its jobs.
STREAMS_OF_PERSON = 24
STREAMS_OF_TOKEN = 12
STREAMS_RETRY_SECONDS = 5
# Three bodies of the largest kind (archives and predictions, 32 MiB each).
BODIES_OF_ACCOUNT = 96 << 20
BODIES_RETRY_SECONDS = 2

_open_streams: Counter[Hashable] = Counter()
_body_bytes: Counter[Hashable] = Counter()


@contextmanager
def open_stream(grant: Grant) -> Iterator[None]:
    """Count a stream or a wait as long as it is open; raises `TooManyRequests` where its caller has enough of them."""
    limits: dict[Hashable, int] = {("person", grant.user_id): STREAMS_OF_PERSON}
    if grant.token_id is not None:
        limits["token", grant.token_id] = STREAMS_OF_TOKEN
    if any(_open_streams[key] >= limit for key, limit in limits.items()):
        raise TooManyRequests(
            "streams.limit",
            _(
                "Too many streams and waiting requests of yours are open. Close some, or come back in a moment."
            ),
            retry_after=STREAMS_RETRY_SECONDS,
        )
    _add(_open_streams, dict.fromkeys(limits, 1))
    try:
        yield
    finally:
        _add(_open_streams, dict.fromkeys(limits, -1))


class BodyBudget:
    """The memory that one request's body takes of its account's share; give it back with `release`."""

    def __init__(self, key: Hashable) -> None:
        self._key = key
        self._taken = 0

    def take(self, size: int) -> None:
        """Take `size` bytes more; raises `TooManyRequests` where the account's bodies take all they may."""
        if _body_bytes[self._key] + size > BODIES_OF_ACCOUNT:
            raise TooManyRequests(
                "bodies.limit",
                _(
                    "The requests of this account hold as much memory as they may. Send this one again in a moment."
                ),
                retry_after=BODIES_RETRY_SECONDS,
            )
        self._taken += size
        _add(_body_bytes, {self._key: size})

    def release(self) -> None:
        """Give everything back."""
        _add(_body_bytes, {self._key: -self._taken})
        self._taken = 0


def _add(counts: Counter[Hashable], changes: dict[Hashable, int]) -> None:
    for key, change in changes.items():
        counts[key] += change
        if counts[key] <= 0:  # or the table would keep everybody who ever came
            del counts[key]


__all__ = ["BodyBudget", "open_stream"]
