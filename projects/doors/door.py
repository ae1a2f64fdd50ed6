"""The one way into a project: resolve the tenant and the role, open the scope, keep the record.

I can enter a project when: my session's person is a member of it, or my token belongs to it; the account is active;
and the action's permission is among those of my role (a token's role, and the role now of the person or robot that it
acts for, whichever is less).
Another tenant's project and one that does not exist are the same 404.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import DatabaseError, IntegrityError
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit import Target
from accounts.audit.batch import record_read
from accounts.errors import Conflict, Forbidden, NotFound, PortalError
from accounts.models import Account, PlatformRole, User
from accounts.tenancy import personal_scope, scope
from projects.doors.grant import Grant
from projects.doors.identity import Identity, Origin, sign_in_first
from projects.holdings import Holding, holding_of, role_label, role_permissions, total, with_extras
from projects.models import BreakGlass, Membership, Project, Token
from projects.permissions import (
    BREAK_GLASS,
    BREAK_GLASS_LOOK,
    BREAK_GLASS_REPAIR,
    RUN_PERMISSIONS,
    SERVING_PERMISSIONS,
)

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
INSUFFICIENT_PRIVILEGE = "42501"


@dataclass(frozen=True, slots=True)
class Entrance:
    """A membership as a signed-in person sees it before entering: also what the project switcher lists."""

    account_id: UUID
    slug: str
    name: str
    role: str
    state: str
    kind: str
    permissions: frozenset[str]
    break_glass_id: UUID | None = None

    @property
    def role_label(self) -> str:
        """The role as pages call it."""
        return role_label(self.role)


def entrances(user_id: UUID, *, admin: bool = False) -> list[Entrance]:
    """List the projects that a person may enter, by name; a platform `admin` also by break-glass."""
    with personal_scope(user_id):
        rows = with_extras(Membership.objects.filter(user_id=user_id)).values_list(
            "account_id",
            "account__project__slug",
            "account__project__name",
            "role",
            "account__state",
            "account__kind",
            "custom",
            "extras",
        )
        found: Iterable[Any] = rows.order_by("account__project__name")
        own = [
            Entrance(account_id, slug, name, role, state, kind, total(role, custom, extras))
            for account_id, slug, name, role, state, kind, custom, extras in found
        ]
        return [*own, *_broken_into(user_id, own)] if admin else own


def _broken_into(user_id: UUID, own: list[Entrance]) -> list[Entrance]:
    """The projects that stand open to a platform admin by break-glass; a suspended account's too."""
    members = {entrance.account_id for entrance in own}
    rows = BreakGlass.objects.filter(user_id=user_id, ended_at=None, expires_at__gt=Now()).order_by("name")
    return [
        Entrance(
            row.account_id,
            row.slug,
            row.name,
            BREAK_GLASS,
            Account.State.ACTIVE,
            Account.Kind.GENERAL,
            frozenset(map(str, BREAK_GLASS_REPAIR if row.repair else BREAK_GLASS_LOOK)),
            row.pk,
        )
        for row in rows
        if row.account_id not in members
    ]


def is_admin(user: User) -> bool:
    """Whether this person runs the platform."""
    return user.platform_role == PlatformRole.ADMIN


def project_not_found(slug: str) -> NotFound:
    """One answer for a project that is not there and one that is not yours."""
    return NotFound(
        "project.not_found", _("There is no project “%(slug)s” that you can enter.") % {"slug": slug}
    )


def _check_state(state: str) -> None:
    if state != Account.State.ACTIVE:
        raise Forbidden(
            "account.suspended",
            _("This account is suspended: its project is closed until an admin reopens it."),
        )


def _user_grant(identity: Identity, slug: str, via: str, known: list[Entrance] | None) -> Grant:
    user = identity.user
    assert user is not None
    for entrance in known if known is not None else entrances(user.pk, admin=is_admin(user)):
        if entrance.slug == slug:
            _check_state(entrance.state)
            return Grant(
                identity.actor,
                user.pk,
                entrance.account_id,
                slug,
                entrance.name,
                entrance.role,
                entrance.permissions,
                BREAK_GLASS if entrance.break_glass_id else via,
                break_glass_id=entrance.break_glass_id,
            )
    raise project_not_found(slug)


def _token_grant(identity: Identity, token: Token, slug: str, via: str) -> Grant:
    with scope(token.account_id):
        project = Project.objects.select_related("account").get()
        if project.slug != slug:
            raise project_not_found(slug)
        _check_state(project.account.state)
        held = holding_of(token.holder_id)
        permissions = token_permissions(token, held)
    return Grant(
        identity.actor,
        token.holder_id,
        token.account_id,
        slug,
        project.name,
        token.role,
        permissions,
        via,
        token.pk,
        token.run_id,
        token.workload_id,
        robot_id=token.robot_id,
        held_role=held.role if held is not None else "",
    )


def token_permissions(token: Token, held: Holding | None) -> frozenset[str]:
    """What a token may do now: its role's permissions that its person or robot still holds, cut to its scopes.

    A workload's token has its purpose's permissions, as far as who started it had them and the one on whose behalf it
    runs still has. In the account's scope.
    """
    if held is None:
        return frozenset()
    own = {Token.Purpose.RUN: RUN_PERMISSIONS, Token.Purpose.SERVING: SERVING_PERMISSIONS}
    fixed = own.get(Token.Purpose(token.purpose))
    if fixed is not None:
        allowed = frozenset(map(str, fixed))
    else:
        # A robot has one role, of which its tokens are parts; a person's token may have a lesser one than they.
        allowed = held.permissions if token.robot_id is not None else role_permissions(token.role)
    return frozenset(p for p in allowed & held.permissions if not token.scopes or p in token.scopes)


def resolve(identity: Identity, slug: str, via: str, known: list[Entrance] | None = None) -> Grant:
    """Resolve who asks, and where, to a grant; opens and closes its own transactions."""
    if identity.anonymous:
        raise sign_in_first()
    if identity.user is not None:
        return _user_grant(identity, slug, via, known)
    if identity.token is None:  # the platform's tokens enter no project
        raise project_not_found(slug)
    return _token_grant(identity, identity.token, slug, via)


def _record_refusal(
    identity: Identity, slug: str, permission: str, error: Exception, grant: Grant | None
) -> None:
    """Write what was refused or failed, in a transaction of its own, after the attempt's has rolled back."""
    detail = {"error": getattr(error, "code", type(error).__name__)}
    outcome = audit.outcome_of(error)
    if grant is None:
        audit.record("project.enter", Target("project", "", slug), outcome="denied", detail=detail)
        return
    with scope(grant.account_id):
        audit.record(
            permission, Target("project", str(grant.account_id), slug), outcome=outcome, detail=detail
        )


def _record_look(grant: Grant, permission: str) -> None:
    """Whoever enters by break-glass is on record with every page, also those that members read freely."""
    about = Target("project", str(grant.account_id), grant.slug)
    detail = {"permission": permission, "break_glass": str(grant.break_glass_id)}
    audit.record("breakglass.look", about, detail=detail)


def translate(error: DatabaseError) -> PortalError | None:
    """Turn what PostgreSQL refused into what a person may read: a policy is a 404, a constraint a 409."""
    state = getattr(error.__cause__, "sqlstate", None)
    if state == INSUFFICIENT_PRIVILEGE:
        return NotFound("thing.not_found", _("There is no such thing in this project."))
    if isinstance(error, IntegrityError):
        if state == "23503":
            return NotFound(
                "thing.not_found", _("What this refers to does not exist in this project, or is in use.")
            )
        return Conflict(
            "thing.conflict", _("This collides with what is there already. Reload, and try again.")
        )
    return None


@contextmanager
def open_door(
    identity: Identity,
    slug: str,
    permission: str,
    *,
    origin: Origin,
    method: str = "GET",
    target: Target | None = None,
    known: list[Entrance] | None = None,
    reads: bool = True,
) -> Iterator[Grant]:
    """Enter a project for one action: everything inside the `with` runs in the tenant's scope and transaction.

    A successful action that recorded nothing of its own gets a record named after its permission: an unsafe one in its
    own transaction, a read right after it and before it is answered (not with `reads=False`: what follows records
    itself). Raises `Unauthenticated`, `NotFound` (no such project for you), `Forbidden` (role or suspended account),
    `Unavailable` where it cannot be put on record.
    """
    grant: Grant | None = None
    with audit.acting_as(
        identity.actor,
        via=origin.via,
        request_id=origin.request_id,
        ip=origin.ip,
        user_agent=origin.user_agent,
    ) as context:
        try:
            grant = resolve(identity, slug, origin.via, known)
            context.actor = grant.actor
            if grant.break_glass_id is not None:
                context.via = BREAK_GLASS
            with scope(grant.account_id):
                grant.require(permission)
                if grant.break_glass_id is not None and method in SAFE_METHODS:
                    _record_look(grant, permission)
                yield grant
                if method not in SAFE_METHODS and context.recorded == 0:
                    audit.record(permission, target or Target("project", str(grant.account_id), grant.slug))
            if reads and method in SAFE_METHODS and context.recorded == 0:
                about = target or Target("project", str(grant.account_id), grant.slug)
                record_read(permission, grant.account_id, about, path=origin.path, refresh=origin.refresh)
        except Exception as error:
            shown = translate(error) if isinstance(error, DatabaseError) else None
            refused = shown or error
            if isinstance(refused, Forbidden | NotFound) or (
                grant is not None and method not in SAFE_METHODS
            ):
                _record_refusal(identity, slug, permission, refused, grant)
            if shown is not None:
                raise shown from error
            raise
