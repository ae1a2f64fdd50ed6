"""Single sign-on by OpenID Connect: the authorization code flow with PKCE (RFC 7636), state and nonce.

The issuer is the operator's, from the environment: it is called directly, and not through the guarded connector,
which keeps *tenants'* addresses away from the portal's network; a provider usually lives inside it. Calls are short,
over TLS that is verified (plain http only where the issuer is on this machine), follow no redirect and are bounded
in size. Of the ID token (OpenID Connect Core, 3.1.3.7) the signature, issuer, audience, times and nonce are checked.
"""

import base64
import hashlib
import hmac
import secrets
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from accounts.actions.external import Claims
from accounts.errors import Unauthenticated, Unavailable

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_FLOW = "oidc"
_FLOW_SECONDS = 600
_REMEMBER_SECONDS = 600.0
_LONGEST = 1 << 20
_LEEWAY_SECONDS = 60
_AGAIN_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Flow:
    """What this browser went to the provider for: to sign in, to prove it again, or to connect an account."""

    purpose: str
    next: str
    state: str
    nonce: str
    verifier: str
    at: float


class _Provider:
    """The provider's own description of itself and its keys, fetched again after a while."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Any]] = {}

    def configuration(self) -> dict[str, Any]:
        """Its discovery document; raises `Unavailable`, also where it is somebody else's."""
        issuer = settings.OIDC_ISSUER
        found = self._remembered(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != issuer:
            raise _unavailable()
        return dict(found)

    def keys(self, fresh: bool = False) -> KeySet:
        """The keys that it signs with."""
        address = self.configuration()["jwks_uri"]
        if fresh:
            self._known.pop(address, None)
        return KeySet.import_key_set(self._remembered(address))

    def _remembered(self, address: str) -> Any:
        with self._lock:
            at, value = self._known.get(address, (0.0, None))
            if value is None or time.monotonic() - at > _REMEMBER_SECONDS:
                value = _fetch("GET", address)
                self._known[address] = (time.monotonic(), value)
            return value

    def forget(self) -> None:
        """Ask again next time."""
        with self._lock:
            self._known.clear()


provider = _Provider()


def enabled() -> bool:
    """Whether a provider is set up."""
    return bool(settings.OIDC_ISSUER)


def _unavailable() -> Unavailable:
    return Unavailable(
        "oidc.unavailable",
        _("The sign-in service of your organisation does not answer as it should. Try again later."),
    )


def _refused() -> Unauthenticated:
    return Unauthenticated("oidc.refused", _("The sign-in did not succeed. Begin again."))


def _fetch(
    method: str, address: str, data: dict[str, str] | None = None, auth: tuple[str, str] | None = None
) -> Any:
    if not address.startswith("https://") and not settings.OIDC_ISSUER.startswith("http://"):
        raise _unavailable()
    context = ssl.create_default_context(cafile=settings.OIDC_CA_FILE or None)
    try:
        with (
            httpx.Client(verify=context, timeout=5, follow_redirects=False) as client,
            client.stream(
                method, address, data=data, auth=auth, headers={"Accept": "application/json"}
            ) as answer,
        ):
            body = bytearray()
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > _LONGEST:
                    raise _unavailable()
            if answer.status_code == 400:
                raise _refused()
            if answer.status_code != 200:
                raise _unavailable()
            parsed = httpx.Response(200, content=bytes(body)).json()
    except (httpx.HTTPError, ValueError) as error:
        raise _unavailable() from error
    if not isinstance(parsed, dict):
        raise _unavailable()
    return parsed


def redirect_address() -> str:
    """Where the provider sends people back to; registered there."""
    return f"{settings.BASE_URL}{reverse('accounts:oidc_back')}"


def begin(request: HttpRequest, purpose: str, wanted: str) -> str:
    """Remember in the session what is about to happen, and return the provider's address to go to."""
    flow = Flow(
        purpose,
        wanted,
        secrets.token_urlsafe(32),
        secrets.token_urlsafe(32),
        secrets.token_urlsafe(48),
        time.time(),
    )
    challenge = (
        base64.urlsafe_b64encode(hashlib.sha256(flow.verifier.encode()).digest()).rstrip(b"=").decode()
    )
    query = {
        "response_type": "code",
        "client_id": settings.OIDC_CLIENT_ID,
        "redirect_uri": redirect_address(),
        "scope": settings.OIDC_SCOPES,
        "state": flow.state,
        "nonce": flow.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    if purpose == "again":
        query |= {"prompt": "login", "max_age": "0"}
    endpoint: str = provider.configuration()["authorization_endpoint"]
    request.session[_FLOW] = {name: getattr(flow, name) for name in Flow.__slots__}
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"


def finish(request: HttpRequest) -> tuple[Flow, Claims]:
    """Take the provider's answer: exchange the code, check the ID token. Raises `Unauthenticated`, `Unavailable`.

    What was remembered is used up by the first answer, right or wrong.
    """
    remembered = request.session.pop(_FLOW, None)
    if not isinstance(remembered, dict):
        raise _refused()
    flow = Flow(**remembered)
    state = request.GET.get("state", "")
    if not hmac.compare_digest(flow.state.encode(), state.encode()) or time.time() - flow.at > _FLOW_SECONDS:
        raise _refused()
    # RFC 9207: an answer that names its issuer names ours.
    if request.GET.get("iss", settings.OIDC_ISSUER) != settings.OIDC_ISSUER or "code" not in request.GET:
        raise _refused()
    secret = settings.OIDC_CLIENT_SECRET
    body = {
        "grant_type": "authorization_code",
        "code": request.GET["code"],
        "redirect_uri": redirect_address(),
        "client_id": settings.OIDC_CLIENT_ID,
        "code_verifier": flow.verifier,
    }
    auth = (settings.OIDC_CLIENT_ID, secret) if secret else None
    answer = _fetch("POST", provider.configuration()["token_endpoint"], body, auth)
    return flow, _claims(_checked(str(answer.get("id_token", "")), flow))


def _checked(token: str, flow: Flow) -> dict[str, Any]:
    rules = jwt.JWTClaimsRegistry(
        leeway=_LEEWAY_SECONDS,
        iss={"essential": True, "value": settings.OIDC_ISSUER},
        aud={"essential": True, "value": settings.OIDC_CLIENT_ID},
        sub={"essential": True},
        exp={"essential": True},
        nonce={"essential": True, "value": flow.nonce},
    )
    try:
        try:
            claims = jwt.decode(token, provider.keys(), algorithms=ALGORITHMS).claims
        except (JoseError, ValueError):
            # Keys are rotated: look once more before saying no.
            claims = jwt.decode(token, provider.keys(fresh=True), algorithms=ALGORITHMS).claims
        rules.validate(claims)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise _refused() from error
    audience = claims["aud"]
    if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != settings.OIDC_CLIENT_ID:
        raise _refused()
    if (
        flow.purpose == "again"
        and time.time() - _number(claims.get("auth_time")) > _AGAIN_SECONDS + _LEEWAY_SECONDS
    ):
        raise _refused()
    return dict(claims)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _claims(found: dict[str, Any]) -> Claims:
    def text(name: str) -> str:
        value = found.get(name)
        return value if isinstance(value, str) else ""

    groups = found.get(settings.OIDC_GROUPS_CLAIM)
    names = groups if isinstance(groups, list) else [groups] if isinstance(groups, str) else []
    subject = text("sub")
    if not subject or len(subject) > 255:
        raise _refused()
    return Claims(
        settings.OIDC_ISSUER,
        subject,
        text("preferred_username") or text("email"),
        text("name"),
        text("email"),
        tuple(name for name in names if isinstance(name, str)),
    )
