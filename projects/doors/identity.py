"""Who is asking: a signed-in person or the bearer of a usable token. Says nothing yet about any project."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.utils.translation import gettext as _

from accounts.audit import ANONYMOUS, Actor
from accounts.errors import Unauthenticated
from accounts.models import User
from accounts.origin import Origin
from accounts.standing import refuse_until_done
from accounts.tenancy import scope
from projects.models import Token

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
    "first_things_first",
    "sign_in_first",
]


@dataclass(frozen=True, slots=True)
class Identity:
    """A person by session, or a token that still works; each names a `person` once it is not anonymous."""

    user: User | None = None
    token: Token | None = None

    @property
    def token_id(self) -> UUID | None:
        """The token that called, None for a session."""
        return None if self.token is None else self.token.pk

    @property
    def token_account(self) -> UUID | None:
        """Where that token belongs."""
        return None if self.token is None else self.token.account_id

    @property
    def person(self) -> User | None:
        """The signed-in person, or the one behind the token."""
        return self.user if self.token is None else self.token.user

    @property
    def anonymous(self) -> bool:
        """Whether nobody could be identified."""
        return self.user is None and self.token is None

    @property
    def actor(self) -> Actor:
        """How the audit log calls this identity before a project has resolved it further."""
        if self.user is not None:
            return Actor("user", str(self.user.pk), self.user.label)
        if self.token is not None:
            kind = "token" if self.token.purpose == Token.Purpose.USER else "run"
            return Actor(kind, str(self.token.pk), self.token.label, self.token.user.label)
        return ANONYMOUS


def digest_of(text: str) -> bytes:
    """SHA-256 is enough for 256 random bits: there is no dictionary to try."""
    return hashlib.sha256(text.encode()).digest()


def by_token(text: str) -> Identity:
    """Find a token by its digest through the one function that may look across accounts, which returns ids only, and
    check that it still works. Raises `Unauthenticated`.
    """
    if not text.startswith(TOKEN_PREFIX):
        raise bad_token()
    with connection.cursor() as cursor:
        cursor.execute("SELECT account_id, id FROM find_token(%s)", [digest_of(text)])
        row = cursor.fetchone()
    if row is None:
        raise bad_token()
    with scope(row[0]):
        token = Token.objects.select_related("user").filter(pk=row[1]).first()
    if token is None or not token.usable or not token.user.is_active:
        raise bad_token()
    return Identity(token=token)


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


def first_things_first(identity: Identity) -> None:
    """Refuse a session whose person has to choose a password, or set up a second factor, before anything else."""
    if identity.user is not None:
        refuse_until_done(identity.user)
