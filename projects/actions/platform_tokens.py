"""Platform tokens: made by whom the platform has given a role, shown once, revoked."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.errors import Conflict, Invalid
from accounts.models import PlatformRole, User
from projects.actions.tokens import DEFAULT_LIFETIME, check_lifetime, write_text
from projects.models import PlatformToken
from projects.networks import networks


def make_platform_token(
    user: User,
    *,
    name: str,
    read_only: bool = False,
    addresses: list[str] | None = None,
    lifetime: timedelta = DEFAULT_LIFETIME,
) -> tuple[PlatformToken, str]:
    """Make a token that acts on the platform as `user`, while they have the platform role that they have now; the
    second value is shown once and kept nowhere.

    Raises `Invalid` for a person without a platform role, a bad address or lifetime.
    """
    check_lifetime(lifetime)
    with transaction.atomic():
        # Locked: a change of role waits for this token, and ends it, or has ended the others before.
        role = User.objects.select_for_update().get(pk=user.pk).platform_role
        if role == PlatformRole.MEMBER:
            message = _("“%(user)s” has no platform role.") % {"user": user.username}
            raise Invalid("token.platform_role", message, errors={"user": [message]})
        token = PlatformToken(
            user=user,
            name=name,
            role=role,
            read_only=read_only,
            addresses=networks(addresses or []),
            expires_at=timezone.now() + lifetime,
        )
        text = write_text(token)
        audit.record(
            "token.create",
            token,
            detail={
                "role": token.role,
                "read_only": read_only,
                "addresses": token.addresses,
                "expires_at": token.expires_at.isoformat(),
                "user": user.username,
            },
        )
    return token, text


def revoke_platform_token(token: PlatformToken) -> None:
    """Revoke a platform token. Raises `Conflict` where it is revoked already."""
    with transaction.atomic():
        found = PlatformToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())
        if not found:
            raise Conflict("token.revoked", _("“%(token)s” is revoked already.") % {"token": token.label})
        audit.record("token.revoke", token)


def end_platform_tokens(user: User) -> int:
    """Revoke all of a person's platform tokens, with the change that takes their role away; returns how many."""
    ended: int = PlatformToken.objects.filter(user=user, revoked_at=None).update(revoked_at=timezone.now())
    return ended
