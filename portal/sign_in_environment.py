"""The variables about people: sessions, second factors, single sign-on, directories."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode

RequireMfa = Literal["nobody", "admins", "everyone"]


class Gift(BaseModel):
    """What one group gives: a platform role, or a role in a project."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    platform_role: Literal["admin", "auditor"] | None = None
    project: str | None = Field(None, min_length=1, max_length=80)
    role: str | None = Field(None, pattern=r"^[a-z][a-z0-9-]{1,31}$")

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if (self.platform_role is None) == (self.project is None) or (self.project is None) != (
            self.role is None
        ):
            raise ValueError("give a platform_role, or a project and a role")
        return self


Mapping = dict[str, list[dict[str, Any]]]
_gifts = TypeAdapter(dict[str, Gift | list[Gift]])
_EXAMPLE = (
    '{"ml-admins": {"platform_role": "admin"}, "etch": [{"project": "etch-7f3k", "role": "scientist"}]}'
)


def _mapping(value: Any) -> Mapping:
    try:
        parsed = _gifts.validate_python(json.loads(value) if isinstance(value, str) else value)
    except (ValueError, ValidationError):
        raise ValueError(f"must be JSON such as {_EXAMPLE}") from None
    return {
        group: [
            gift.model_dump(exclude_none=True) for gift in (gifts if isinstance(gifts, list) else [gifts])
        ]
        for group, gifts in parsed.items()
    }


def secret_or_empty(secret: SecretStr | None) -> str:
    """A secret's text, for settings whose names Django hides."""
    return secret.get_secret_value() if secret is not None else ""


class SignInVariables(BaseSettings):
    """What of the environment is about signing in; `portal.environment` reads it with the rest."""

    session_seconds: int = Field(12 * 3600, ge=300, le=30 * 86400, validation_alias="PORTAL_SESSION_SECONDS")
    session_idle_seconds: int = Field(
        2 * 3600, ge=60, le=30 * 86400, validation_alias="PORTAL_SESSION_IDLE_SECONDS"
    )
    require_mfa: RequireMfa | None = Field(None, validation_alias="PORTAL_REQUIRE_MFA")

    oidc_issuer: str = Field("", validation_alias="PORTAL_OIDC_ISSUER")
    oidc_client_id: str = Field("", validation_alias="PORTAL_OIDC_CLIENT_ID")
    oidc_client_secret: SecretStr | None = Field(None, validation_alias="PORTAL_OIDC_CLIENT_SECRET")
    oidc_name: str = Field("single sign-on", max_length=60, validation_alias="PORTAL_OIDC_NAME")
    oidc_scopes: str = Field("openid profile email", validation_alias="PORTAL_OIDC_SCOPES")
    oidc_groups_claim: str = Field("groups", validation_alias="PORTAL_OIDC_GROUPS_CLAIM")
    oidc_groups: Annotated[Mapping, NoDecode] = Field({}, validation_alias="PORTAL_OIDC_GROUPS")
    oidc_create_users: bool = Field(True, validation_alias="PORTAL_OIDC_CREATE_USERS")
    oidc_ca_file: Path | None = Field(None, validation_alias="PORTAL_OIDC_CA_FILE")

    ldap_url: str = Field("", validation_alias="PORTAL_LDAP_URL")
    ldap_start_tls: bool = Field(True, validation_alias="PORTAL_LDAP_START_TLS")
    ldap_ca_file: Path | None = Field(None, validation_alias="PORTAL_LDAP_CA_FILE")
    ldap_bind_dn: str = Field("", validation_alias="PORTAL_LDAP_BIND_DN")
    ldap_bind_password: SecretStr | None = Field(None, validation_alias="PORTAL_LDAP_BIND_PASSWORD")
    ldap_base: str = Field("", validation_alias="PORTAL_LDAP_BASE")
    ldap_user_filter: str = Field("(uid={username})", validation_alias="PORTAL_LDAP_USER_FILTER")
    ldap_id_attribute: str = Field("entryUUID", validation_alias="PORTAL_LDAP_ID_ATTRIBUTE")
    ldap_group_base: str = Field("", validation_alias="PORTAL_LDAP_GROUP_BASE")
    ldap_group_filter: str = Field("(member={dn})", validation_alias="PORTAL_LDAP_GROUP_FILTER")
    ldap_groups: Annotated[Mapping, NoDecode] = Field({}, validation_alias="PORTAL_LDAP_GROUPS")
    ldap_create_users: bool = Field(True, validation_alias="PORTAL_LDAP_CREATE_USERS")

    @field_validator("oidc_groups", "ldap_groups", mode="before")
    @classmethod
    def _groups(cls, value: Any) -> Mapping:
        return _mapping(value)

    @field_validator("oidc_ca_file", "ldap_ca_file")
    @classmethod
    def _readable(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("must be a file of certificates in PEM")
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer(cls, value: str) -> str:
        parts = urlsplit(value)
        on_this_machine = parts.hostname in ("localhost", "127.0.0.1", "::1")
        safe = parts.scheme == "https" or (parts.scheme == "http" and on_this_machine)
        if value and (not parts.hostname or parts.query or not safe):
            raise ValueError("must be the provider's issuer, an https address")
        return value

    @field_validator("ldap_url")
    @classmethod
    def _directory(cls, value: str) -> str:
        if value and (urlsplit(value).scheme not in ("ldap", "ldaps") or not urlsplit(value).hostname):
            raise ValueError("must look like ldap://directory.example or ldaps://directory.example:636")
        return value

    @field_validator("ldap_user_filter")
    @classmethod
    def _names_the_user(cls, value: str) -> str:
        if "{username}" not in value or not (value.startswith("(") and value.endswith(")")):
            raise ValueError(
                "must be a filter in parentheses with {username} in it, such as (uid={username})"
            )
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.oidc_issuer and not self.oidc_client_id:
            raise ValueError("PORTAL_OIDC_CLIENT_ID: is needed with PORTAL_OIDC_ISSUER")
        if self.oidc_issuer and "openid" not in self.oidc_scopes.split():
            raise ValueError("PORTAL_OIDC_SCOPES: must have openid among them")
        if self.ldap_url and not self.ldap_base:
            raise ValueError("PORTAL_LDAP_BASE: is needed with PORTAL_LDAP_URL")
        if bool(self.ldap_bind_dn) != bool(self.ldap_bind_password):
            raise ValueError("PORTAL_LDAP_BIND_DN, PORTAL_LDAP_BIND_PASSWORD: give both, or neither")
        local = urlsplit(self.ldap_url).hostname in ("localhost", "127.0.0.1", "::1")
        if self.ldap_url.startswith("ldap:") and not self.ldap_start_tls and not local:
            raise ValueError("PORTAL_LDAP_START_TLS: passwords do not cross a network in clear")
        return self
