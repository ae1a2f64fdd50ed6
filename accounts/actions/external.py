"""People who prove themselves elsewhere: who they are here, and what their groups give them."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, groups
from accounts.actions.sign_in import actor_of, first_step_done
from accounts.audit import ANONYMOUS, Actor, Target
from accounts.errors import Conflict, Forbidden, NotFound, Unauthenticated
from accounts.models import ExternalIdentity, Factor, User
from accounts.origin import Origin

_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Claims:
    """What a provider or a directory says of somebody it has just identified. Only issuer and subject name them."""

    issuer: str
    subject: str
    username: str = ""
    name: str = ""
    email: str = ""
    groups: tuple[str, ...] = ()


Mapped = Mapping[str, list[dict[str, Any]]]


def sign_in_external(
    request: HttpRequest, claims: Claims, mapping: Mapped, *, create: bool, by: str
) -> User | None:
    """Open the session of whoever this is here; None where a second step is to come.

    Somebody new is made, under a name like the one they have there, if `create`; an account that is there already is
    never taken for theirs, whatever its name or mail address.

    Raises `Forbidden` for somebody unknown, `Unauthenticated` for a person who was deactivated.
    """
    origin = Origin.of(request, "page")
    with origin.acting(ANONYMOUS), transaction.atomic():
        identity = _known(claims) or (_made(claims, by) if create else None)
    if identity is None:
        with origin.acting(ANONYMOUS):
            target = Target("identity", "", f"{claims.subject} at {claims.issuer}")
            audit.record("user.sign_in", target, outcome="denied", detail={"by": by, "reason": "unknown"})
        raise Forbidden(
            "sign_in.unknown",
            _("Nobody here is connected with this account. Ask an admin, or connect it under Security."),
        )
    if not identity.user.is_active:
        with origin.acting(ANONYMOUS):
            audit.record("user.sign_in", identity.user, outcome="failed", detail={"by": by})
        raise Unauthenticated("auth.wrong", _("You cannot sign in here any more. Ask an admin."))
    with origin.acting(Actor("system", "", by)), transaction.atomic():
        groups.apply(identity, claims.groups, mapping)
        ExternalIdentity.objects.filter(pk=identity.pk).update(last_used_at=timezone.now())
    return first_step_done(request, identity.user, by)


def connect(request: HttpRequest, user: User, claims: Claims, mapping: Mapped) -> ExternalIdentity:
    """Connect the signed-in person with an account elsewhere, which they have just proven to be theirs.

    Raises `Conflict` where somebody is connected with it already.
    """
    with Origin.of(request, "page").acting(actor_of(user)), transaction.atomic():
        if _known(claims) is not None:
            raise Conflict("identity.taken", _("This account is connected with somebody already."))
        identity = _link(user, claims)
        groups.apply(identity, claims.groups, mapping)
    return identity


def identities_of(user: User) -> list[ExternalIdentity]:
    """Where this person is known, the oldest first."""
    return list(ExternalIdentity.objects.filter(user=user).order_by("linked_at"))


def disconnect(user: User, identity_id: UUID) -> None:
    """Forget that an account elsewhere is this person's; what its groups gave stays until it is taken away by hand.

    Raises `NotFound`, also for somebody else's, and `Conflict` where it is their only way in.
    """
    with transaction.atomic():
        rows = list(ExternalIdentity.objects.select_for_update().filter(user=user).order_by("pk"))
        identity = next((row for row in rows if row.pk == identity_id), None)
        if identity is None:
            raise NotFound("identity.not_found", _("You are not connected with such an account."))
        passkey = Factor.objects.filter(user=user, kind=Factor.Kind.PASSKEY).exists()
        if len(rows) == 1 and not user.has_usable_password() and not passkey:
            raise Conflict(
                "identity.last", _("You could not sign in any more: set up a passkey first, or ask an admin.")
            )
        audit.record("identity.disconnect", identity, detail={"user": user.username})
        identity.delete()


def belongs_to(user: User, claims: Claims) -> bool:
    """Whether this account elsewhere is this person's."""
    return ExternalIdentity.objects.filter(user=user, issuer=claims.issuer, subject=claims.subject).exists()


def _known(claims: Claims) -> ExternalIdentity | None:
    return (
        ExternalIdentity.objects.select_related("user")
        .filter(issuer=claims.issuer, subject=claims.subject)
        .first()
    )


def _link(user: User, claims: Claims) -> ExternalIdentity:
    identity = ExternalIdentity(user=user, issuer=claims.issuer, subject=claims.subject)
    identity.save(force_insert=True)
    audit.record("identity.connect", identity, detail={"user": user.username})
    return identity


def _made(claims: Claims, by: str) -> ExternalIdentity:
    user = User(
        username=_free_name(claims.username or claims.name),
        name=claims.name[:120],
        email=claims.email if re.fullmatch(r"[^@\s]{1,64}@[^@\s]{1,189}", claims.email) else "",
    )
    user.set_unusable_password()
    user.save(force_insert=True)
    audit.record("user.create", user, detail={"by": by})
    return _link(user, claims)


def _free_name(wish: str) -> str:
    """A name like `wish` that nobody has: a person who is here already keeps theirs."""
    text = re.sub(r"[^a-z0-9._-]+", "-", wish.partition("@")[0].lower()).strip("._-")[: _LONGEST_NAME - 7]
    text = text or "person"
    if not User.objects.filter(username__iexact=text).exists():
        return text
    return f"{text}-{secrets.token_hex(3)}"
