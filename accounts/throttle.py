"""Tries that run out and come back by themselves: buckets in PostgreSQL, taken from before the work is done.

A tier allows `burst` tries at once, and one more every `seconds`. The row holds the time at which its bucket will be
full again (the "generic cell rate algorithm" of ITU-T I.371): one guarded upsert takes a try, so that a thousand
attempts at the same moment get as many tries as one after the other. Nothing is ever locked for good, and losing
Redis gives nobody a try.
"""

import hmac
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.errors import TooManyRequests
from accounts.models.session import Throttle

_TAKE = """
INSERT INTO accounts_throttle AS bucket (key, full_at) VALUES (%(key)s, clock_timestamp() + %(step)s)
ON CONFLICT (key) DO UPDATE SET full_at = greatest(bucket.full_at, clock_timestamp()) + %(step)s
WHERE greatest(bucket.full_at, clock_timestamp()) + %(step)s <= clock_timestamp() + %(burst)s
RETURNING full_at
"""
_WAIT = """
SELECT extract(epoch FROM full_at + %(step)s - %(burst)s - clock_timestamp())
FROM accounts_throttle WHERE key = %(key)s
"""
_NOTE = """
UPDATE accounts_throttle SET noted_at = clock_timestamp()
WHERE key = %(key)s AND (noted_at IS NULL OR noted_at < clock_timestamp() - %(step)s)
"""


@dataclass(frozen=True, slots=True)
class Tier:
    """How many tries at once, and how many seconds for each further one."""

    name: str
    burst: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """One tier's bucket for one subject (a name, an address, both, a person's id)."""

    tier: Tier
    subject: tuple[str, ...]

    @property
    def key(self) -> bytes:
        """A keyed digest: what was typed as a name may have been a password."""
        text = "\0".join((self.tier.name, *self.subject))
        return hmac.digest(settings.SECRET_KEY.encode(), text.encode(), "sha256")

    def parameters(self) -> dict[str, Any]:
        """What the statements ask for."""
        step = timedelta(seconds=self.tier.seconds)
        return {"key": self.key, "step": step, "burst": step * self.tier.burst}


class Throttled(TooManyRequests):
    """A bucket is empty. `first` is true once for each refill step of it: what is put on record is bounded as well."""

    def __init__(self, bucket: Bucket, retry_after: int, first: bool) -> None:
        super().__init__(
            "sign_in.throttled",
            _("Too many tries. Wait %(seconds)d seconds, then try again.") % {"seconds": retry_after},
            retry_after=retry_after,
        )
        self.bucket = bucket
        self.first = first


def take(buckets: list[Bucket]) -> None:
    """Take a try from each bucket, or from none: raises `Throttled`, which says how long to wait."""
    empty: Bucket | None = None
    with transaction.atomic(), connection.cursor() as cursor:
        for bucket in buckets:
            cursor.execute(_TAKE, bucket.parameters())
            if cursor.fetchone() is None:
                empty = bucket
                transaction.set_rollback(True)
                break
    if empty is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(_WAIT, empty.parameters())
        row = cursor.fetchone()
        cursor.execute(_NOTE, empty.parameters())
        first = cursor.rowcount == 1
    raise Throttled(empty, max(1, ceil(row[0])) if row else 1, first)


def give_back(bucket: Bucket) -> None:
    """Return one try: it was no guess."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_throttle SET full_at = full_at - %(step)s WHERE key = %(key)s",
            bucket.parameters(),
        )


def refill(bucket: Bucket) -> None:
    """Make a bucket full: its subject has just proved who they are."""
    Throttle.objects.filter(key=bucket.key).delete()


def forget_full() -> int:
    """Delete the buckets that have been full for an hour; returns how many."""
    return Throttle.objects.filter(full_at__lt=timezone.now() - timedelta(hours=1)).delete()[0]
