"""The schema of each kind of credential: these parts and no others."""

import re
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from accounts.credentials.kubeconfig import read_kubeconfig
from accounts.crypto.certificates import check_certificates, check_pair
from accounts.errors import Invalid, PortalError, Unprocessable
from accounts.models import Credential

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?|[0-9A-Fa-f:.]{2,45}")


def _url(text: str) -> str:
    """A URL with a host, and no user name or password in it."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        # Its own sentence quotes what was given.
        raise ValueError(_("the address must look like https://host/path")) from None
    if parts.username is not None or parts.password is not None:
        raise ValueError(_("the address must hold no user name or password"))
    if parts.fragment or not _HOST.fullmatch(parts.hostname or "") or port == 0:
        raise ValueError(_("the address must look like https://host/path"))
    return text


def _plain_url(text: str) -> str:
    """A URL that may be shown: without a query, which may hold a secret."""
    if urlsplit(_url(text)).query:
        raise ValueError(_("the address must have no query"))
    return text


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError(_("this is not a host name or address"))
    return text


_LINE = r"^[^\x00-\x1f\x7f]+$"
_TOKEN = r"^[\x21-\x7e]+$"  # noqa: S105  # what a token looks like
_PEM = r"^-----BEGIN [A-Z ]+-----\s"
_HTTP = r"^https?://[\x21-\x7e]+$"
_HTTPS = r"^https://[\x21-\x7e]+$"
_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_BUCKET = r"^[a-z0-9][a-z0-9.-]+[a-z0-9]$"
_ARN = r"^arn:[\x21-\x7e]+$"
# What each pattern asks for, in words.
_ASKED = {
    _LINE: gettext_lazy("it must be one line"),
    _TOKEN: gettext_lazy("it must be one word of letters, digits and signs"),
    _PEM: gettext_lazy("it must begin with a line like “-----BEGIN CERTIFICATE-----”"),
    _HTTP: gettext_lazy("the address must look like https://host/path"),
    _HTTPS: gettext_lazy("the address must begin with https://"),
    _NAME: gettext_lazy("it may have lower-case letters, digits and hyphens"),
    _BUCKET: gettext_lazy("it may have lower-case letters, digits, dots and hyphens"),
    _ARN: gettext_lazy("it must begin with arn:"),
}
_Line = Annotated[str, StringConstraints(min_length=1, max_length=2048, pattern=_LINE)]
_Token = Annotated[str, StringConstraints(min_length=1, max_length=16_384, pattern=_TOKEN)]
_Pem = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=65_536, pattern=_PEM),
]
_Certificates = Annotated[_Pem, AfterValidator(check_certificates)]
_Http = Annotated[
    str,
    StringConstraints(max_length=2048, pattern=_HTTP),
    AfterValidator(_plain_url),
]
_AnyHttp = Annotated[str, StringConstraints(max_length=2048, pattern=_HTTP), AfterValidator(_url)]
_Https = Annotated[str, StringConstraints(max_length=2048, pattern=_HTTPS), AfterValidator(_plain_url)]
_Host = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_host)]
_Namespace = Annotated[str, StringConstraints(max_length=63, pattern=_NAME)]
_Bucket = Annotated[str, StringConstraints(min_length=3, max_length=63, pattern=_BUCKET)]


class Secret(BaseModel):
    """The parts of a secret: these and no others. Errors never quote what was given; `repr` shows nothing.

    `hidden` names the parts that are never shown; the others say what the credential is for.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        strict=True,
        json_schema_extra={"writeOnly": True},
    )
    hidden: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__

    def shown(self) -> dict[str, Any]:
        """The parts that say where it leads."""
        parts = self.model_dump(exclude_none=True)
        return {name: value for name, value in parts.items() if name not in self.hidden}


class KubeconfigSecret(Secret):
    """How to reach a Kubernetes cluster: a token, or a client certificate with its key."""

    hidden = frozenset({"token", "client_certificate", "client_key", "certificate_authority"})

    server: _Https
    certificate_authority: _Certificates
    namespace: _Namespace = "default"
    token: _Token | None = None
    client_certificate: _Certificates | None = None
    client_key: _Pem | None = None

    @model_validator(mode="after")
    def _one_way_in(self) -> "KubeconfigSecret":
        pair = (self.client_certificate, self.client_key)
        if self.token is None and not any(pair):
            raise ValueError(_("give a token, or a client_certificate with its client_key"))
        if any(pair) and (None in pair or self.token is not None):
            raise ValueError(_("give a token, or a client_certificate with its client_key, not both"))
        if self.client_certificate and self.client_key:
            check_pair(self.client_certificate, self.client_key)
        return self


class S3Secret(Secret):
    """A key pair for S3-compatible storage.

    `role_arn` is the role that leases are taken for where the storage speaks STS; without it nothing can be lent.
    """

    hidden = frozenset({"secret_access_key"})

    endpoint: _Http
    region: _Line = "us-east-1"
    bucket: _Bucket
    access_key_id: _Line
    secret_access_key: _Line
    path_style: bool = True
    role_arn: Annotated[str, StringConstraints(max_length=2048, pattern=_ARN)] | None = None


class GitSecret(Secret):
    """A token that may read a repository over https."""

    hidden = frozenset({"token"})

    url: _Http
    username: _Line = "oauth2"
    token: _Line


class DatabaseSecret(Secret):
    """How to log into a PostgreSQL or MySQL database.

    `tls`: `verify` checks the server's certificate, against `certificate_authority` where one is given; `require`
    encrypts without checking; `off` is for networks that are nobody else's.
    """

    hidden = frozenset({"password", "certificate_authority"})

    engine: Literal["postgresql", "mysql"]
    host: _Host
    port: int = Field(ge=1, le=65535)
    database: _Line
    username: _Line
    password: _Line
    tls: Literal["verify", "require", "off"] = "verify"
    certificate_authority: _Certificates | None = None


class RegistrySecret(Secret):
    """How to pull images from a container registry."""

    hidden = frozenset({"password"})

    url: _Http
    username: _Line
    password: _Line


class WebhookSecret(Secret):
    """The key that signs what is sent to a receiver, and the receiver's address where the secret has one of its own.

    Of the address only the host is shown: many services put a secret into the path or query.
    """

    hidden = frozenset({"secret", "url"})

    url: _AnyHttp | None = None
    secret: Annotated[str, StringConstraints(min_length=16, max_length=1024)]

    def shown(self) -> dict[str, Any]:
        """The host alone."""
        return {"host": urlsplit(self.url).hostname} if self.url else {}


SECRETS: dict[str, type[Secret]] = {
    Credential.Kind.KUBECONFIG: KubeconfigSecret,
    Credential.Kind.S3: S3Secret,
    Credential.Kind.GIT: GitSecret,
    Credential.Kind.DATABASE: DatabaseSecret,
    Credential.Kind.REGISTRY: RegistrySecret,
    Credential.Kind.WEBHOOK: WebhookSecret,
}


def parse_secret(kind: str, parts: Any) -> bytes:
    """Check the parts of a secret of a kind, and return what is sealed: JSON. Raises `Invalid`, naming parts only.

    A Kubernetes cluster may also be given as `{"kubeconfig": …}`, of which only the known fields are taken.
    """
    try:
        if kind == Credential.Kind.KUBECONFIG and isinstance(parts, dict) and "kubeconfig" in parts:
            parts = read_kubeconfig(parts)
        return SECRETS[kind].model_validate(parts).model_dump_json(exclude_none=True).encode()
    except ValidationError as error:
        texts = [
            f"{'.'.join(map(str, found['loc'])) or 'secret'}: {_reason(found)}"
            for found in error.errors(include_input=False, include_url=False)
        ]
    except PortalError as error:
        texts = [str(error)]
    message = _("This is not a secret of the kind “%(kind)s”: %(reasons)s.") % {
        "kind": kind,
        "reasons": "; ".join(texts),
    }
    raise Invalid("credential.invalid", message, errors={"secret": texts})


def _reason(found: ErrorDetails) -> str:
    """What is wrong with a part, in the reader's language. What only programs get wrong stays as pydantic says it."""
    context = found.get("ctx", {})
    match found["type"]:
        case "missing":
            return _("it is missing")
        case "extra_forbidden":
            return _("there is no such part")
        case "string_too_short":
            return _("it needs at least %(count)d characters") % {"count": context["min_length"]}
        case "string_too_long":
            return _("it has more than %(count)d characters") % {"count": context["max_length"]}
        case "string_pattern_mismatch":
            return str(_ASKED[context["pattern"]])
        case "value_error":
            return str(context["error"])
    return found["msg"]


def read_secret(kind: str, opened: bytes) -> Secret:
    """Return the parts of an opened secret. Raises `Unprocessable` for one kept before its kind had all its parts."""
    try:
        return SECRETS[kind].model_validate_json(opened)
    except ValidationError:
        raise Unprocessable(
            "credential.outdated",
            _("This credential was kept before its kind had all of today's parts. Bring it again."),
        ) from None


def public_parts(kind: str, opened: bytes) -> dict[str, Any]:
    """Return what may be shown of a secret: where it leads, never what opens it."""
    return read_secret(kind, opened).shown()
