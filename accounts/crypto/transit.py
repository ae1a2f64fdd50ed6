"""A root key that never leaves a Vault-compatible transit engine (HashiCorp Vault, OpenBao).

The protocol: POST {address}/v1/{mount}/encrypt|decrypt|rewrap/{key} with base64 in JSON and the token in X-Vault-Token;
ciphertexts read `vault:v{version}:{base64}`. The key should be made with `derived=true`: what we wrap is then bound to
its place by `context`, from which the engine derives a key, and `rewrap` moves it to a new version without showing it
to us. With a key that is not derived, the place is the `associated_data`; `rewrap` knows no such parameter, so that
rotation decrypts and encrypts.

The address comes from the operator's environment, never from a tenant, and is an internal one as a rule: the guard of
`accounts.outbound`, which refuses internal addresses, is not asked. Redirects are not followed and proxies of the
environment are not used: the token goes to that address alone.
"""

import base64
import binascii
import ssl
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from pydantic import SecretStr

from accounts.crypto.errors import SealError
from accounts.errors import Unavailable

_PREFIX = b"vault:v"
_KEY_TYPES = frozenset({"aes128-gcm96", "aes256-gcm96", "chacha20-poly1305", "xchacha20-poly1305"})
_DESCRIBED_FOR_SECONDS = 30.0


@dataclass(frozen=True)
class TransitSettings:
    """Where the engine is and how to log in: a token, or a file with one that something else keeps fresh."""

    url: str
    key: str
    mount: str = "transit"
    namespace: str = ""
    token: SecretStr | None = None
    token_file: Path | None = None
    ca_file: Path | None = None
    timeout_seconds: float = 5.0


class TransitRefused(Unavailable):
    """The engine answers, and says no for good: the token, its policy, or the key. `reason` is for an operator."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "crypto.root_refused",
            _("The keeper of the root key refuses this portal, so nothing protected opens. Tell your admin."),
        )
        self.reason = reason


@dataclass(frozen=True)
class _Described:
    version: int
    derived: bool
    until: float


class TransitRootKey:
    """A named key of a transit engine."""

    def __init__(self, given: TransitSettings) -> None:
        self._settings = given
        verify: ssl.SSLContext | bool = True
        if given.ca_file is not None:
            verify = ssl.create_default_context(cafile=str(given.ca_file))
        self._client = httpx.Client(
            base_url=f"{given.url}/v1/{given.mount}/",
            timeout=given.timeout_seconds,
            verify=verify,
            follow_redirects=False,
            trust_env=False,
        )
        self._described: _Described | None = None

    def __repr__(self) -> str:
        return f"<TransitRootKey {self._keeper}>"

    @property
    def _keeper(self) -> str:
        return f"transit:{self._settings.mount}/{self._settings.key}"

    @property
    def id(self) -> str:
        """The key's name and newest version, as the engine says (asked again after half a minute)."""
        return f"{self._keeper}#{self.describe().version}"

    def reads(self, wrapped: bytes) -> bool:
        """The engine's ciphertexts name it and the key's version."""
        return wrapped.startswith(_PREFIX)

    @sensitive_variables("key")
    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Have the engine encrypt a protection key."""
        return self._ciphertext("encrypt", {"plaintext": _text(key)} | self._bound(context))

    @sensitive_variables()
    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Have the engine decrypt a protection key; raise `SealError` where it does not open."""
        answer = self._call("decrypt", {"ciphertext": _ciphertext(wrapped)} | self._bound(context))
        try:
            return base64.b64decode(str(answer.get("plaintext", "")), validate=True)
        except (binascii.Error, ValueError):
            raise SealError from None

    def rewrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Have the engine encrypt it with the newest version of its key; raise `SealError` where it does not open."""
        if not self.describe().derived:
            return self.wrap(self.unwrap(wrapped, context), context)
        return self._ciphertext("rewrap", {"ciphertext": _ciphertext(wrapped)} | self._bound(context))

    def describe(self, *, afresh: bool = False) -> _Described:
        """Ask the engine about the key.

        Raises `TransitRefused` where it cannot serve, `Unavailable` where nobody answers.
        """
        known = self._described
        if known is not None and known.until > time.monotonic() and not afresh:
            return known
        found = self._send("GET", f"keys/{self._settings.key}")
        if not found.get("supports_encryption") or found.get("type") not in _KEY_TYPES:
            raise TransitRefused(f"its key {self._settings.key} is not one that encrypts with authentication")
        self._described = _Described(
            int(found["latest_version"]),
            bool(found.get("derived")),
            time.monotonic() + _DESCRIBED_FOR_SECONDS,
        )
        return self._described

    def _bound(self, context: bytes) -> dict[str, str]:
        return {"context" if self.describe().derived else "associated_data": _text(context)}

    def _ciphertext(self, verb: str, body: dict[str, str]) -> bytes:
        ciphertext = str(self._call(verb, body).get("ciphertext", "")).encode()
        if not self.reads(ciphertext):
            raise TransitRefused(f"its answer to {verb} holds no ciphertext")
        return ciphertext

    def _call(self, verb: str, body: dict[str, str]) -> dict[str, Any]:
        return self._send("POST", f"{verb}/{self._settings.key}", body)

    @sensitive_variables("body", "headers", "token")
    def _send(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        headers = {"X-Vault-Token": self._token(), "X-Vault-Request": "true"}
        if self._settings.namespace:
            headers["X-Vault-Namespace"] = self._settings.namespace
        try:
            answer = self._client.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            raise _unavailable(type(error).__name__) from None
        if answer.status_code == 400 and body is not None:
            raise SealError
        if answer.status_code in (401, 403):
            raise TransitRefused(
                f"it refuses the token for {method} {path}; see the policy in docs/operations.md"
            )
        if answer.status_code in (400, 404, 405):
            raise TransitRefused(f"it has no {path} at the mount {self._settings.mount}")
        if answer.status_code != 200:
            raise _unavailable(str(answer.status_code))
        try:
            data = answer.json()["data"]
        except (ValueError, KeyError, TypeError):
            raise TransitRefused("its answer is not that of a transit engine") from None
        if not isinstance(data, dict):
            raise TransitRefused("its answer is not that of a transit engine")
        return data

    @sensitive_variables("token")
    def _token(self) -> str:
        """The token; a file is read each time, since whatever keeps it fresh replaces it."""
        if self._settings.token is not None:
            return self._settings.token.get_secret_value()
        try:
            token = (self._settings.token_file or Path()).read_text().strip()
        except OSError as error:
            raise TransitRefused(f"its token file cannot be read: {error.strerror}") from None
        return token


@lru_cache(maxsize=4)
def transit_key(given: TransitSettings) -> TransitRootKey:
    """One client, with its connections, per process and engine."""
    return TransitRootKey(given)


def _unavailable(what: str) -> Unavailable:
    return Unavailable(
        "crypto.root_unavailable",
        _(
            "The keeper of the root key does not answer (%(what)s), so nothing protected opens now. Try again shortly."
        )
        % {"what": what},
        retry_after=5,
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _ciphertext(wrapped: bytes) -> str:
    try:
        return wrapped.decode("ascii")
    except UnicodeDecodeError:
        raise SealError from None
