"""What each kind of credential consists of. A secret is checked on its way in, sealed, and not shown again."""

from typing import Annotated, Any

from django.utils.translation import gettext as _
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from accounts.errors import Invalid
from accounts.models import Credential

_Line = Annotated[str, StringConstraints(min_length=1, max_length=2048, pattern=r"^[^\x00-\x1f\x7f]+$")]
_Pem = Annotated[
    str, StringConstraints(min_length=1, max_length=65_536, pattern=r"^-----BEGIN [A-Z ]+-----\s")
]
_Https = Annotated[str, StringConstraints(max_length=2048, pattern=r"^https://[^\s/]+")]
_Http = Annotated[str, StringConstraints(max_length=2048, pattern=r"^https?://[^\s/]+")]


class Secret(BaseModel):
    """The parts of a secret: these and no others. Errors never quote what was given."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, strict=True)


class KubeconfigSecret(Secret):
    """How to reach a Kubernetes cluster: a token, or a client certificate with its key."""

    server: _Https
    certificate_authority: _Pem
    token: _Line | None = None
    client_certificate: _Pem | None = None
    client_key: _Pem | None = None

    @model_validator(mode="after")
    def _one_way_in(self) -> "KubeconfigSecret":
        pair = (self.client_certificate, self.client_key)
        if (self.token is None) == (None in pair) and not any(pair):
            raise ValueError("give a token, or a client_certificate with its client_key")
        if any(pair) and (None in pair or self.token is not None):
            raise ValueError("give a token, or a client_certificate with its client_key, not both")
        return self


class S3Secret(Secret):
    """A key pair for S3-compatible storage."""

    endpoint: _Http
    region: _Line = "us-east-1"
    access_key_id: _Line
    secret_access_key: _Line


class GitSecret(Secret):
    """A token that may read repositories of one host."""

    host: _Line
    username: _Line = "oauth2"
    token: _Line


class DatabaseSecret(Secret):
    """How to log into a database."""

    engine: Annotated[str, StringConstraints(pattern=r"^(postgresql|mysql|oracle|mssql)$")]
    host: _Line
    port: int = Field(ge=1, le=65535)
    database: _Line
    username: _Line
    password: _Line


class RegistrySecret(Secret):
    """How to pull images."""

    server: _Line
    username: _Line
    password: _Line


class WebhookSecret(Secret):
    """The key that signs what is sent to a webhook."""

    secret: Annotated[str, StringConstraints(min_length=16, max_length=1024)]


SECRETS: dict[str, type[Secret]] = {
    Credential.Kind.KUBECONFIG: KubeconfigSecret,
    Credential.Kind.S3: S3Secret,
    Credential.Kind.GIT: GitSecret,
    Credential.Kind.DATABASE: DatabaseSecret,
    Credential.Kind.REGISTRY: RegistrySecret,
    Credential.Kind.WEBHOOK: WebhookSecret,
}


def parse_secret(kind: str, parts: Any) -> bytes:
    """Check the parts of a secret of a kind, and return what is sealed: JSON. Raises `Invalid`, naming parts only."""
    try:
        return SECRETS[kind].model_validate(parts).model_dump_json(exclude_none=True).encode()
    except ValidationError as error:
        texts = [
            f"{'.'.join(map(str, found['loc'])) or 'secret'}: {found['msg']}"
            for found in error.errors(include_input=False, include_url=False, include_context=False)
        ]
    message = _("This is not a secret of the kind “%(kind)s”: %(reasons)s.") % {
        "kind": kind,
        "reasons": "; ".join(texts),
    }
    raise Invalid("credential.invalid", message, errors={"secret": texts})
