"""Django's session engine over `accounts.models.Session`: revocable at once, bounded in age and in idleness.

Every request reads the row: a session that is ended in one process is over in all of them with the next request.
"""

import hashlib
import time
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY as USER_ID
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models.session import Session

BEGAN = "began"  # when its person signed in, in seconds since the epoch: renewing the key does not renew the session
IP = "ip"
USER_AGENT = "user_agent"

# Nobody signed in: a form on its way, or the first of two steps.
ANONYMOUS_SECONDS = 30 * 60
_TOUCH_SECONDS = 30


def digest_of(session_key: str) -> bytes:
    """What the table knows of a key. SHA-256 is enough for 160 random bits."""
    return hashlib.sha256(session_key.encode()).digest()


class SessionStore(SessionBase):
    """One browser's session."""

    row_id: Any = None

    def load(self) -> dict[str, Any]:
        """Read a living session, and note that it is in use; an unknown or dead one is an empty one."""
        now = timezone.now()
        row = Session.objects.living(now).filter(key_digest=digest_of(self.session_key or "")).first()
        if row is None:
            self._session_key = None
            return {}
        self.row_id = row.pk
        if (now - row.last_seen_at).total_seconds() > _TOUCH_SECONDS:
            Session.objects.filter(pk=row.pk, last_seen_at__lt=now).update(last_seen_at=now)
        return self.decode(row.data)

    def exists(self, session_key: str) -> bool:
        """Whether a key is taken."""
        return Session.objects.filter(key_digest=digest_of(session_key)).exists()

    def create(self) -> None:
        """Begin a session under a fresh key."""
        while True:
            self._session_key = self._get_new_session_key()  # type: ignore[attr-defined]
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def save(self, must_create: bool = False) -> None:
        """Write the row. One that was ended meanwhile is not brought back: raises `UpdateError`."""
        if self.session_key is None:
            self.create()
            return
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]
        if USER_ID in data:
            data.setdefault(BEGAN, time.time())
        now = timezone.now()
        values: dict[str, Any] = {
            "data": self.encode(data),
            "user_id": data.get(USER_ID),
            "ip": str(data.get(IP, ""))[:45],
            "user_agent": str(data.get(USER_AGENT, ""))[:255],
            "last_seen_at": now,
            "expires_at": self.get_expiry_date(),
        }
        if not must_create:
            if not Session.objects.filter(key_digest=digest_of(self.session_key)).update(**values):
                raise UpdateError
            return
        began = datetime.fromtimestamp(data[BEGAN], UTC) if BEGAN in data else now
        try:
            with transaction.atomic():
                row = Session(key_digest=digest_of(self.session_key), started_at=began, **values)
                row.save(force_insert=True)
        except IntegrityError:
            raise CreateError from None
        self.row_id = row.pk

    def delete(self, session_key: str | None = None) -> None:
        """End a session: this one, unless another key is given."""
        key = session_key or self.session_key
        if key is not None:
            Session.objects.filter(key_digest=digest_of(key)).delete()

    def get_expiry_age(self, **kwargs: Any) -> int:
        """Seconds that are left to it, however much it is used."""
        if USER_ID not in self:
            return ANONYMOUS_SECONDS
        used = time.time() - self.get(BEGAN, time.time())
        return max(0, int(settings.SESSION_COOKIE_AGE - used))

    def get_expiry_date(self, **kwargs: Any) -> datetime:
        """When it ends, however much it is used."""
        return datetime.fromtimestamp(time.time() + self.get_expiry_age(), UTC)

    @classmethod
    def clear_expired(cls) -> None:
        """Forget what has ended."""
        Session.objects.exclude(pk__in=Session.objects.living().values("pk")).delete()
