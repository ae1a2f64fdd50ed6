"""Passkeys: WebAuthn (W3C, level 3) by Yubico's `fido2`, for the host that the browser shows.

Every passkey is kept on its device with its person's handle and asks for a PIN or a finger each time ("user
verification"): so one is two factors, and may open a session by itself. Challenges live in the session.
"""

import json
import struct
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from accounts.errors import Invalid
from accounts.models import Factor, User

_STATE = "passkey_state"
_LONGEST = 16_384
# What the library raises for answers that are wrong, or no answers at all.
_MALFORMED = (ValueError, TypeError, LookupError, AttributeError, struct.error)


@dataclass(frozen=True, slots=True)
class Registered:
    """A new passkey, as its row keeps it."""

    credential_id: bytes
    credential: bytes
    sign_count: int


@dataclass(frozen=True, slots=True)
class Proven:
    """The passkey that has answered, and its counter of signatures."""

    factor: Factor
    sign_count: int


def possible(request: HttpRequest) -> bool:
    """Whether browsers offer passkeys here: at a name, over https or on the machine itself."""
    host = urlsplit(f"//{request.get_host()}").hostname or ""
    return host == "localhost" or (request.is_secure() and any(letter.isalpha() for letter in host))


def _server(request: HttpRequest) -> Fido2Server:
    origin = f"{request.scheme}://{request.get_host()}"
    host = urlsplit(origin).hostname or ""
    party = PublicKeyCredentialRpEntity(name=settings.PORTAL_NAME, id=host)
    return Fido2Server(party, verify_origin=lambda found: found == origin)


def refused() -> Invalid:
    """One answer for everything that is wrong with a passkey's answer."""
    message = _("The passkey was not accepted. Try again, or use another way.")
    return Invalid("passkey.refused", message, errors={"credential": [message]})


def _credentials(user: User) -> list[AttestedCredentialData]:
    rows = Factor.objects.filter(user=user, kind=Factor.Kind.PASSKEY).values_list("credential", flat=True)
    return [AttestedCredentialData(bytes(row)) for row in rows if row is not None]


def _parsed(text: str) -> dict[str, Any]:
    try:
        parsed = json.loads(text) if len(text) <= _LONGEST else None
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise refused()
    return parsed


def begin_registration(request: HttpRequest, user: User) -> dict[str, Any]:
    """Return what `navigator.credentials.create` is called with; the challenge is good for one answer."""
    options, state = _server(request).register_begin(
        PublicKeyCredentialUserEntity(
            id=user.pk.bytes, name=user.username, display_name=user.get_full_name()
        ),
        credentials=_credentials(user),
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    request.session[_STATE] = {"for": "create", **state}
    return dict(options)


def complete_registration(request: HttpRequest, answer: str) -> Registered:
    """Check a new passkey; raises `Invalid`."""
    state = _take_state(request, "create")
    try:
        data = _server(request).register_complete(state, _parsed(answer))
    except _MALFORMED as error:
        raise refused() from error
    made = data.credential_data
    if made is None:
        raise refused()
    return Registered(made.credential_id, bytes(made), data.counter)


def begin_authentication(request: HttpRequest, user: User | None) -> dict[str, Any]:
    """Return what `navigator.credentials.get` is called with: for one person's passkeys, or for whoever comes."""
    options, state = _server(request).authenticate_begin(
        _credentials(user) if user is not None else None,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    request.session[_STATE] = {"for": "get", **state}
    return dict(options)


def complete_authentication(request: HttpRequest, answer: str, user: User | None) -> Proven:
    """Check a passkey's answer, of this person where one is given. Raises `Invalid`, the same for everything wrong.

    A counter that does not rise means that somebody has a copy of the passkey (WebAuthn, 6.1.1).
    """
    state = _take_state(request, "get")
    parsed = _parsed(answer)
    try:
        response = AuthenticationResponse.from_dict(parsed)
        factor = Factor.objects.select_related("user").filter(credential_id=response.raw_id).first()
        if factor is None or factor.credential is None or (user is not None and factor.user_id != user.pk):
            raise refused()
        handle = response.response.user_handle
        if handle is not None and handle != factor.user_id.bytes:
            raise refused()
        stored = AttestedCredentialData(bytes(factor.credential))
        _server(request).authenticate_complete(state, [stored], response)
        count = response.response.authenticator_data.counter
    except _MALFORMED as error:
        raise refused() from error
    if (count or factor.sign_count) and count <= factor.sign_count:
        raise refused()
    return Proven(factor, count)


def _take_state(request: HttpRequest, purpose: str) -> Any:
    state = request.session.pop(_STATE, None)
    if not isinstance(state, dict) or state.pop("for", None) != purpose:
        raise refused()
    return state
