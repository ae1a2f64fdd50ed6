"""API tokens: made, shown once, revoked."""

from datetime import timedelta
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import audit
from accounts.crypto import pepper
from accounts.errors import Conflict, Forbidden, Invalid, NotFound
from accounts.models import User
from projects import token_text
from projects.doors.grant import Grant
from projects.holdings import check_role, holding_of, role_permissions
from projects.models import PlatformToken, Robot, Token
from projects.networks import networks, within
from projects.permissions import Permission, Role

MAX_LIFETIME = timedelta(days=366)
DEFAULT_LIFETIME = timedelta(days=90)


@sensitive_variables("text")
def write_text(token: Token | PlatformToken) -> str:
    """Give a new token its text, and the row what is kept of it; in a transaction."""
    text = token_text.write(token.type, token.pk)
    token.pepper_version, token.digest = pepper.peppered(text)
    token.hint = text.rsplit("_", 2)[0]
    token.save(force_insert=True)
    return text


def check_lifetime(lifetime: timedelta) -> None:
    """Raise `Invalid` for a token that would live too short or too long."""
    if not timedelta(minutes=1) <= lifetime <= MAX_LIFETIME:
        message = _("A token lives between one minute and 366 days.")
        raise Invalid("token.lifetime", message, errors={"expires": [message]})


def make_token(
    user: User,
    *,
    name: str,
    role: str,
    scopes: list[str] | None = None,
    addresses: list[str] | None = None,
    lifetime: timedelta = DEFAULT_LIFETIME,
) -> tuple[Token, str]:
    """Make a token that acts as `user` in the project in scope; the second value is shown once and kept nowhere.

    `addresses` are the networks that it may be used from, anywhere where there are none. Raises `Invalid` for an
    unknown role or scope, a bad address or lifetime, or a role that may do more than the person's.
    """
    held = holding_of(user.pk)
    if held is None:
        raise NotFound(
            "member.not_found", _("“%(user)s” is not a member of this project.") % {"user": user.username}
        )
    check_role(role, "token.role")
    if not role_permissions(role) <= held.permissions:
        message = _("The role “%(role)s” may do more than yours (%(held)s).") % {
            "role": role,
            "held": held.role,
        }
        raise Invalid("token.role", message, errors={"role": [message]})
    check_lifetime(lifetime)
    token = Token(
        user=user,
        name=name,
        role=role,
        scopes=check_scopes(scopes),
        addresses=networks(addresses or []),
        expires_at=timezone.now() + lifetime,
    )
    text = write_text(token)
    record_made(token, {"user": user.username})
    return token, text


def check_scopes(scopes: list[str] | None) -> list[str]:
    """Return scopes as a token keeps them; raises `Invalid` for one that is no permission."""
    wanted = sorted(set(scopes or []))
    unknown = sorted(set(wanted) - {p.value for p in Permission})
    if unknown:
        message = _("Unknown scopes: %(scopes)s.") % {"scopes": ", ".join(unknown)}
        raise Invalid("token.scopes", message, errors={"scopes": [message]})
    return wanted


def record_made(token: Token, holder: dict[str, str]) -> None:
    """Put a new token on record, with whom it acts for."""
    detail = {
        "role": token.role,
        "scopes": token.scopes,
        "addresses": token.addresses,
        "expires_at": token.expires_at.isoformat(),
    }
    audit.record("token.create", token, detail={**detail, **holder})


def create_token(
    grant: Grant,
    user: User,
    *,
    name: str,
    role: str = "",
    scopes: list[str] | None = None,
    addresses: list[str] | None = None,
    lifetime: timedelta = DEFAULT_LIFETIME,
) -> tuple[Token, str]:
    """Make a token for the person behind `grant`, who gets no more by it than what called: a token that makes
    tokens does not grow, nor outlive itself, nor reach further. `role` is the grant's own unless told. Raises as
    `make_token` does, and `Forbidden`.
    """
    role = role or grant.role
    wanted = role_permissions(role) & set(scopes) if scopes else role_permissions(role)
    if grant.token_id is not None and not wanted <= grant.permissions:
        more = sorted(wanted - grant.permissions)
        raise Forbidden(
            "token.more",
            _("A token cannot make one that may do more than itself: %(more)s.") % {"more": ", ".join(more)},
            permission=more[0],
        )
    lifetime, addresses = within_parent(grant, lifetime, addresses)
    return make_token(user, name=name, role=role, scopes=scopes, addresses=addresses, lifetime=lifetime)


def within_parent(
    grant: Grant, lifetime: timedelta, addresses: list[str] | None
) -> tuple[timedelta, list[str] | None]:
    """Cut what a token that makes a token asks for to its own time and addresses; a session's wishes stay."""
    if grant.token_id is None:
        return lifetime, addresses
    # Else whoever finds a token of an hour has one of a year.
    parent = Token.objects.get(pk=grant.token_id)
    left = parent.expires_at - timezone.now()
    short = min(lifetime, left - timedelta(seconds=1))  # the new one's time begins a moment later
    return short, within(networks(addresses or []), parent.addresses)


def mint_run_token(
    *,
    user_id: UUID,
    purpose: str,
    name: str,
    workload_id: UUID,
    run_id: str = "",
    scopes: list[str] | None = None,
    lifetime: timedelta,
) -> str:
    """Make a token for a workload (purpose run or serving), in the open scope; earlier ones of it are revoked.

    `user_id` is who asked for the workload: a person, or a robot. `scopes` cut the token to what the one may do that
    they asked by; none is what the purpose has.
    """
    revoke_workload_tokens(workload_id)
    by_robot = Robot.objects.filter(pk=user_id).exists()
    token = Token(
        purpose=purpose,
        user_id=None if by_robot else user_id,
        robot_id=user_id if by_robot else None,
        name=name,
        role=Role.VIEWER,
        scopes=sorted(set(scopes or [])),
        workload_id=workload_id,
        run_id=run_id,
        expires_at=timezone.now() + lifetime,
    )
    text = write_text(token)
    audit.record("token.mint", token, detail={"purpose": purpose, "workload": str(workload_id)})
    return text


def revoke_workload_tokens(workload_id: UUID) -> int:
    """Revoke what a workload was given; returns how many tokens still worked."""
    found: int = Token.objects.filter(workload_id=workload_id, revoked_at=None).update(
        revoked_at=timezone.now()
    )
    return found


def revoke_token(token: Token, grant: Grant) -> None:
    """Revoke a token: one's own, or anybody's with `token.manage`. Raises `Forbidden` or `Conflict`."""
    if token.holder_id != grant.user_id:
        grant.require(Permission.TOKEN_MANAGE)
    if grant.token_id is not None and grant.workload_id is not None:
        raise Forbidden("token.workload", _("A workload's token revokes nothing."))
    if token.revoked_at is not None:
        raise Conflict("token.revoked", _("“%(token)s” is revoked already.") % {"token": token.label})
    token.revoked_at = timezone.now()
    token.save(update_fields=["revoked_at"])
    audit.record("token.revoke", token)
