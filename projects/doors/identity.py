"""Who is asking: a signed-in person or the bearer of a usable token. Says nothing yet about any project."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext as _

from accounts.audit import ANONYMOUS, Actor
from accounts.errors import Unauthenticated
from accounts.models import User
from accounts.origin import Origin
from accounts.standing import refuse_until_done
from projects.doors.bearer import actor_of, find_bearer
from projects.models import PlatformToken, Token

__all__ = [
    "Identity",
    "Origin",
    "by_header",
    "by_session",
    "first_things_first",
    "sign_in_first",
]


@dataclass(frozen=True, slots=True)
class Identity:
    """A person by session, or a token that still works; each names a `person`, unless it acts for a robot."""

    user: User | None = None
    token: Token | None = None
    platform_token: PlatformToken | None = None

    @property
    def bearer(self) -> Token | PlatformToken | None:
        """The token that called, None for a session."""
        return self.token or self.platform_token

    @property
    def token_id(self) -> UUID | None:
        """The id of that token."""
        return None if self.bearer is None else self.bearer.pk

    @property
    def token_account(self) -> UUID | None:
        """The account that a project's token belongs to."""
        return None if self.token is None else self.token.account_id

    @property
    def person(self) -> User | None:
        """The signed-in person, or the one behind the token; nobody is behind a robot's."""
        return self.user if self.bearer is None else self.bearer.user

    @property
    def anonymous(self) -> bool:
        """Whether nobody could be identified."""
        return self.user is None and self.bearer is None

    @property
    def actor(self) -> Actor:
        """How the audit log calls this identity before a project has resolved it further."""
        if self.user is not None:
            return Actor("user", str(self.user.pk), self.user.label)
        if self.bearer is not None:
            return actor_of(self.bearer)
        return ANONYMOUS


def by_header(authorization: str, origin: Origin) -> Identity | None:
    """Read an Authorization header; None where there is none. Raises `Unauthenticated` for any other scheme, and for a
    token that opens nothing from there.
    """
    if not authorization:
        return None
    scheme, _space, value = authorization.partition(" ")
    if scheme.lower() != "bearer" or not value.strip():
        raise Unauthenticated("auth.scheme", _("Send “Authorization: Bearer mlp_…”."))
    found = find_bearer(value.strip(), origin)
    return Identity(platform_token=found) if isinstance(found, PlatformToken) else Identity(token=found)


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
