"""What the environment says about the root keys."""

import base64
import binascii
import ipaddress
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings


class KeyEnvironment(BaseSettings):
    """The variables of the root keys: two of our own, and a transit engine's."""

    root_key_provider: Literal["local", "transit"] = Field(
        "local", validation_alias="PORTAL_ROOT_KEY_PROVIDER"
    )
    root_key: SecretStr | None = Field(None, validation_alias="PORTAL_ROOT_KEY")
    root_key_previous: SecretStr | None = Field(None, validation_alias="PORTAL_ROOT_KEY_PREVIOUS")
    transit_url: str = Field("", validation_alias="PORTAL_TRANSIT_URL")
    transit_mount: str = Field(
        "transit", pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$", validation_alias="PORTAL_TRANSIT_MOUNT"
    )
    transit_key: str = Field("", pattern=r"^[A-Za-z0-9_.-]*$", validation_alias="PORTAL_TRANSIT_KEY")
    transit_namespace: str = Field(
        "", pattern=r"^[A-Za-z0-9_./-]*$", validation_alias="PORTAL_TRANSIT_NAMESPACE"
    )
    transit_token: SecretStr | None = Field(None, validation_alias="PORTAL_TRANSIT_TOKEN")
    # Not read here but at each use: whatever keeps the token fresh replaces the file.
    transit_token_file: Path | None = Field(None, validation_alias="PORTAL_TRANSIT_TOKEN_FILE")
    transit_ca_file: Path | None = Field(None, validation_alias="PORTAL_TRANSIT_CA_FILE")
    transit_timeout_seconds: float = Field(5, gt=0, le=60, validation_alias="PORTAL_TRANSIT_TIMEOUT_SECONDS")

    @field_validator("root_key", "root_key_previous")
    @classmethod
    def _root_keys_have_32_bytes(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            decode_root_key(value.get_secret_value())
        return value

    @field_validator("transit_url")
    @classmethod
    def _safe_origin(cls, value: str) -> str:
        parts = urlsplit(value)
        if not value:
            return ""
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError("must be an origin such as https://vault.example.com:8200, without a path")
        if parts.scheme == "http" and not _loopback(parts.hostname):
            raise ValueError("must be https: keys would travel in clear (http is taken on this machine only)")
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("transit_ca_file", "transit_token_file")
    @classmethod
    def _readable(cls, value: Path | None) -> Path | None:
        if value is not None:
            try:
                value.open("rb").close()
            except OSError as error:
                raise ValueError(f"cannot be read ({type(error).__name__})") from None
        return value

    @model_validator(mode="after")
    def _engine_is_whole(self) -> "KeyEnvironment":
        tokens = [self.transit_token, self.transit_token_file]
        if self.root_key_provider == "transit" and not self.transit_url:
            raise ValueError("PORTAL_TRANSIT_URL: is needed, because PORTAL_ROOT_KEY_PROVIDER is transit")
        if self.transit_url and not self.transit_key:
            raise ValueError("PORTAL_TRANSIT_KEY: is needed, the name of the key in the transit engine")
        if self.transit_url and tokens.count(None) != 1:
            raise ValueError(
                "PORTAL_TRANSIT_TOKEN, PORTAL_TRANSIT_TOKEN_FILE: exactly one of the two is needed"
            )
        return self

    @property
    def root_key_variable(self) -> str:
        """The variable that names the root key that wraps."""
        return "PORTAL_TRANSIT_URL" if self.root_key_provider == "transit" else "PORTAL_ROOT_KEY"

    @property
    def root_key_given(self) -> bool:
        """Whether the root key that wraps comes from the environment."""
        return bool(self.transit_url) if self.root_key_provider == "transit" else self.root_key is not None

    @property
    def transit(self) -> dict[str, Any] | None:
        """The fields of `accounts.crypto.transit.TransitSettings`, or None where no engine is named."""
        if not self.transit_url:
            return None
        names = ("url", "mount", "key", "namespace", "token", "token_file", "ca_file", "timeout_seconds")
        return {name: getattr(self, f"transit_{name}") for name in names}


def decode_root_key(text: str) -> bytes:
    """The 32 bytes behind a base64 text; ValueError where it is anything else."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("must be base64 (openssl rand -base64 32)") from None
    if len(key) != 32:
        raise ValueError("must be exactly 32 bytes in base64 (openssl rand -base64 32)")
    return key


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
