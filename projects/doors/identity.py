"""Who is asking: a signed-in person or the bearer of a token. Says nothing yet about any project."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.utils.translation import gettext as _

from accounts.audit import ANONYMOUS, Actor
from accounts.errors import Forbidden, Unauthenticated
from accounts.models import User
from accounts.origin import Origin

TOKEN_PREFIX = "mlp_"  # noqa: S105  # how tokens begin, none of them

__all__ = [
    "TOKEN_PREFIX",
    "Identity",
    "Origin",
    "bad_token",
    "by_header",
    "by_session",
    "by_token",
    "digest_of",
    "password_first",
    "sign_in_first",
]


@dataclass(frozen=True, slots=True)
class Identity:
    """A person by session, or a token by its digest; `token_account` is where that token lives."""

    user: User | None = None
    token_id: UUID | None = None
    token_account: UUID | None = None

    @property
    def anonymous(self) -> bool:
        """Whether nobody could be identified."""
        return self.user is None and self.token_id is None

    @property
    def actor(self) -> Actor:
        """How the audit log calls this identity before a project has resolved it further."""
        if self.user is not None:
            return Actor("user", str(self.user.pk), self.user.label)
        if self.token_id is not None:
            return Actor("token", str(self.token_id), "token")
        return ANONYMOUS


def digest_of(token: str) -> bytes:
    """SHA-256 is enough for 256 random bits: there is no dictionary to try."""
    return hashlib.sha256(token.encode()).digest()


def by_token(token: str) -> Identity:
    """Find a token by its digest through the one function that may look across accounts; it returns ids only."""
    if not token.startswith(TOKEN_PREFIX):
        raise bad_token()
    with connection.cursor() as cursor:
        cursor.execute("SELECT account_id, id FROM find_token(%s)", [digest_of(token)])
        row = cursor.fetchone()
    if row is None:
        raise bad_token()
    return Identity(token_id=row[1], token_account=row[0])


def bad_token() -> Unauthenticated:
    """One answer for unknown, expired and revoked tokens."""
    return Unauthenticated(
        "token.invalid",
        _("This API token is unknown, expired or revoked. Make a new one under Settings → Tokens."),
    )


def by_header(authorization: str) -> Identity | None:
    """Read an Authorization header; None where there is none. Raises `Unauthenticated` for any other scheme."""
    if not authorization:
        return None
    scheme, _space, value = authorization.partition(" ")
    if scheme.lower() != "bearer" or not value.strip():
        raise Unauthenticated("auth.scheme", _("Send “Authorization: Bearer mlp_…”."))
    return by_token(value.strip())


def by_session(user: User | AnonymousUser) -> Identity:
    """Take the person that Django's session names."""
    return Identity(user=user) if isinstance(user, User) and user.is_active else Identity()


def sign_in_first() -> Unauthenticated:
    """The answer to nobody."""
    return Unauthenticated(
        "auth.required", _("Sign in, or send an API token as “Authorization: Bearer mlp_…”.")
    )


def password_first(identity: Identity) -> None:
    """Refuse a session that was opened with a one-time password, until its person has chosen one of their own."""
    if identity.user is not None and identity.user.must_change_password:
        raise Forbidden(
            "password.change_first",
            _("You signed in with a one-time password. Choose a password of your own at /password/ first."),
        )
