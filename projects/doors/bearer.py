"""Which token a text is: known, still usable, and used from where it may be. Every other text is one answer.

A mistyped text fails its checksum and costs no look-up. The id in the text says where to look, the digest of the whole
text decides, compared in constant time. Tokens of the first form (`mlp_` and 43 characters, no id in them) are found by
their SHA-256 until the last of them has expired.
"""

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import audit
from accounts.audit import Actor
from accounts.crypto import SealError, pepper
from accounts.errors import Unauthenticated
from accounts.models import PlatformRole
from accounts.origin import Origin
from accounts.tenancy import scope
from projects import token_text
from projects.models import PlatformToken, Token
from projects.networks import allows

FIRST_FORM_LENGTH = len(token_text.PREFIX) + 43
_TOUCH = timedelta(minutes=1)


def bad_token() -> Unauthenticated:
    """One answer for unknown, expired and revoked tokens, and for those used from elsewhere than they may."""
    return Unauthenticated(
        "token.invalid",
        _(
            "This API token is unknown, expired or revoked, or may not be used from your address. "
            "Make a new one under Settings → Tokens."
        ),
    )


def actor_of(token: Token | PlatformToken) -> Actor:
    """How the audit log calls who acts by this token."""
    if isinstance(token, PlatformToken):
        return Actor("token", str(token.pk), token.label, token.user.label)
    if token.purpose == Token.Purpose.ROBOT:
        assert token.robot is not None
        # The robot itself: which of its tokens called stands in the record's detail.
        return Actor("robot", str(token.robot_id), token.robot.label, credential=token.label)
    kind = "token" if token.purpose == Token.Purpose.USER else "run"
    return Actor(kind, str(token.pk), token.label, token.holder_label)


def _account_of(query: str, wanted: bytes | UUID) -> UUID | None:
    with connection.cursor() as cursor:
        cursor.execute(query, [wanted])
        row = cursor.fetchone()
    found: UUID | None = row[0] if row else None
    return found


@sensitive_variables("text")
def _is(token: Token | PlatformToken, text: str) -> bool:
    digest = bytes(token.digest)
    if token.pepper_version is None:
        return hmac.compare_digest(hashlib.sha256(text.encode()).digest(), digest)
    try:
        return pepper.matches(text, token.pepper_version, digest)
    except SealError:  # the key behind its pepper was destroyed, and the token with it
        return False


def _works(token: Token | PlatformToken) -> bool:
    if not token.usable:
        return False
    if isinstance(token, PlatformToken):
        return token.user.is_active and token.role == token.user.platform_role != PlatformRole.MEMBER
    return token.holder_works


def _admit(token: Any, rows: QuerySet[Any], origin: Origin) -> bool:
    """Note the use, or put a use from elsewhere on record; in the token's scope, whose end keeps either."""
    if not allows(token.addresses, origin.ip):
        with origin.acting(actor_of(token)):
            audit.record("token.use", token, outcome="denied", detail={"error": "token.address"})
        return False
    now = timezone.now()
    if _stale(token.last_used_at, now) or token.last_used_ip != origin.ip[:45]:
        rows.filter(pk=token.pk).update(last_used_at=now, last_used_ip=origin.ip[:45])
    return True


def _stale(last_used_at: datetime | None, now: datetime) -> bool:
    return last_used_at is None or now - last_used_at > _TOUCH


@sensitive_variables("text")
def _in_project(account_id: UUID | None, text: str, origin: Origin, **which: Any) -> Token | None:
    if account_id is None:
        return None
    with scope(account_id):
        token: Token | None = Token.objects.select_related("user", "robot").filter(**which).first()
        if token is None or not _is(token, text) or not _works(token):
            return None
        return token if _admit(token, Token.objects.all(), origin) else None


@sensitive_variables("text")
def _on_platform(pk: UUID, text: str, origin: Origin) -> PlatformToken | None:
    token = PlatformToken.objects.select_related("user").filter(pk=pk).first()
    if token is None or not _is(token, text) or not _works(token):
        return None
    return token if _admit(token, PlatformToken.objects.all(), origin) else None


@sensitive_variables("text")
def find_bearer(text: str, origin: Origin) -> Token | PlatformToken:
    """Return the token that a text is, with its person; raises `Unauthenticated` where it opens nothing from here."""
    found: Token | PlatformToken | None = None
    written = token_text.read(text)
    if written is None:
        if len(text) == FIRST_FORM_LENGTH and text.startswith(token_text.PREFIX):
            digest = hashlib.sha256(text.encode()).digest()
            account = _account_of("SELECT account_id FROM find_token(%s)", digest)
            found = _in_project(account, text, origin, digest=digest, pepper_version=None)
    elif written.type == PlatformToken.type:
        found = _on_platform(written.id, text, origin)
    else:
        account = _account_of("SELECT find_token_account(%s)", written.id)
        found = _in_project(account, text, origin, pk=written.id, purpose=written.type)
    if found is None:
        raise bad_token()
    return found


__all__ = ["actor_of", "bad_token", "find_bearer"]
