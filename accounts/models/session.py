"""Sessions of browsers, and the devices that somebody has signed in from."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.ids import uuid7


class SessionQuerySet(models.QuerySet["Session"]):
    """Sessions, dead ones among them until they are swept."""

    def living(self, now: datetime | None = None) -> "SessionQuerySet":
        """Those that still open something: neither too old, nor unused for too long."""
        now = now or timezone.now()
        idle = timedelta(seconds=settings.SESSION_IDLE_SECONDS)
        return self.filter(expires_at__gt=now, last_seen_at__gt=now - idle)


class Session(models.Model):
    """A browser's session. Of its key the row has a digest only: who reads the table can enter nothing with it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key_digest = models.BinaryField(unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+")
    data = models.TextField()
    ip = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=255, blank=True)
    started_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    objects = SessionQuerySet.as_manager()

    class Meta:
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["expires_at"], name="accounts_session_expires"),
        ]

    @property
    def label(self) -> str:
        """How audit entries call this session."""
        return self.user_agent[:80] or "browser"


class KnownDevice(models.Model):
    """A browser in which, and an address at which, a person has signed in before: strangers' failed tries do not
    slow them down there.

    The browser holds a random text in a cookie, the row its digest. It opens nothing.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    digest = models.BinaryField()
    ip = models.CharField(max_length=45, blank=True)
    last_used_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["user", "digest", "ip"], name="accounts_knowndevice_once"),
        ]


class Throttle(models.Model):
    """How many tries somebody has left: a bucket that refills by itself (`accounts.throttle`).

    `full_at` is when it will have refilled; a later time means fewer tries. `key` is a digest: whose bucket it is
    cannot be read off it.
    """

    key = models.BinaryField(primary_key=True)
    full_at = models.DateTimeField(db_index=True)
    noted_at = models.DateTimeField(null=True)
