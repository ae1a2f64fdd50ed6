"""The one way into the platform itself: who holds which platform role, in which scope they read, and the record.

I can call for the platform when my platform role is among those that the action declares; a platform token calls as its
person, as long as they have the role that they made it in. A project's token does not count here. To everybody else no
address of the platform exists: one 404, whatever was asked, and a record of the attempt.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.db import DatabaseError, transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit import Actor, Target
from accounts.errors import Forbidden, NotFound
from accounts.tenancy import platform_scope
from projects.doors.door import SAFE_METHODS, translate
from projects.doors.identity import Identity, Origin, sign_in_first

PLATFORM = Target("platform", "", "platform")


@dataclass(frozen=True, slots=True)
class PlatformGrant:
    """A resolved, immutable right to act on the platform: `role` is admin or auditor, `via` page, api or command."""

    actor: Actor
    user_id: UUID
    role: str
    via: str
    token_id: UUID | None = None
    read_only: bool = False

    def require_writing(self) -> None:
        """Raise `Forbidden` for a token that may only read."""
        if self.read_only:
            raise Forbidden("token.read_only", _("This platform token may only read."))


def nothing_here() -> NotFound:
    """What somebody without the role is told of every address of the platform: the answer to an unknown address."""
    return NotFound("page.not_found", _("There is no such page."))


def resolve_platform(identity: Identity, roles: tuple[str, ...], via: str) -> PlatformGrant:
    """Resolve who asks to a platform grant; raises `Unauthenticated` for nobody, `NotFound` without the role."""
    if identity.anonymous:
        raise sign_in_first()
    user = None if identity.token is not None else identity.person
    if user is None or user.platform_role not in roles:
        raise nothing_here()
    read_only = identity.platform_token is not None and identity.platform_token.read_only
    return PlatformGrant(identity.actor, user.pk, user.platform_role, via, identity.token_id, read_only)


def _record_refusal(action: str, error: Exception, path: str) -> None:
    outcome = audit.outcome_of(error)
    detail = {"error": getattr(error, "code", type(error).__name__), "path": path}
    audit.record(action, PLATFORM, outcome=outcome, detail=detail)


@contextmanager
def open_platform(
    identity: Identity,
    roles: tuple[str, ...],
    *,
    action: str,
    origin: Origin,
    method: str = "GET",
    path: str = "",
) -> Iterator[PlatformGrant]:
    """Enter the platform for one action, called `action` in the log where it records nothing of its own.

    Reads run in the scope of the caller's platform role. Changes run in a transaction without a scope: an action opens
    the one that it writes in. Raises `Unauthenticated`, and `NotFound` for everybody whose role is not in `roles`.
    """
    grant: PlatformGrant | None = None
    with origin.acting(identity.actor) as context:
        try:
            grant = resolve_platform(identity, roles, origin.via)
            context.actor = grant.actor
            if method in SAFE_METHODS:
                with platform_scope(grant.role):
                    yield grant
            else:
                grant.require_writing()
                with transaction.atomic():
                    yield grant
                    if context.recorded == 0:
                        audit.record(action, PLATFORM, detail={"path": path})
        except Exception as error:
            shown = translate(error) if isinstance(error, DatabaseError) else None
            refused = shown or error
            if isinstance(refused, Forbidden | NotFound) or (
                grant is not None and method not in SAFE_METHODS
            ):
                _record_refusal(action if grant else f"platform.{roles[0]}", refused, path)
            if shown is not None:
                raise shown from error
            raise


__all__ = ["PLATFORM", "PlatformGrant", "nothing_here", "open_platform", "resolve_platform"]
