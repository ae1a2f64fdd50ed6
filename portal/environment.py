"""What the portal reads from its environment: every variable, its meaning, its check.

Nothing else reads configuration. A wrong value stops the process with one message that names each wrong
variable and what it should look like; values themselves are never printed, since they may be secrets.
"""

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from portal.key_environment import KeyEnvironment, decode_root_key
from portal.sign_in_environment import SignInVariables

DatabaseRole = Literal["app", "system", "owner"]
DATABASE_VARIABLES: dict[str, str] = {
    "app": "DATABASE_URL",
    "system": "DATABASE_SYSTEM_URL",
    "owner": "DATABASE_OWNER_URL",
    "mlflow": "MLFLOW_DATABASE_URL",
}
FILE_VARIABLES = (
    "PORTAL_SECRET_KEY",
    "PORTAL_ROOT_KEY",
    "PORTAL_ROOT_KEY_PREVIOUS",
    "PORTAL_AUDIT_KEY",
    "PORTAL_METRICS_TOKEN",
    "PORTAL_EMAIL_URL",
    "PORTAL_OIDC_CLIENT_SECRET",
    "PORTAL_LDAP_BIND_PASSWORD",
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "DATABASE_SYSTEM_URL",
    "MLFLOW_DATABASE_URL",
    "REDIS_URL",
)


class WrongEnvironment(Exception):
    """The environment is wrong; the text names every wrong variable and is fit for a terminal."""


class Environment(SignInVariables, KeyEnvironment):
    """The portal's variables. Empty values count as absent."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, case_sensitive=True, extra="ignore", hide_input_in_errors=True
    )

    home: Path = Field(Path(".portal"), validation_alias="PORTAL_HOME")
    bind: str = Field("127.0.0.1", validation_alias="PORTAL_BIND")
    port: int = Field(8000, ge=1, le=65535, validation_alias="PORTAL_PORT")
    base_url: str = Field("", validation_alias="PORTAL_BASE_URL")
    internal_url: str = Field("", validation_alias="PORTAL_INTERNAL_URL")
    allowed_hosts: Annotated[list[str], NoDecode] = Field([], validation_alias="PORTAL_ALLOWED_HOSTS")
    outbound_allow: Annotated[list[str], NoDecode] = Field([], validation_alias="PORTAL_OUTBOUND_ALLOW")
    debug: bool = Field(False, validation_alias="PORTAL_DEBUG")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", validation_alias="PORTAL_LOG_LEVEL"
    )
    secret_key: SecretStr | None = Field(None, validation_alias="PORTAL_SECRET_KEY")
    audit_key: SecretStr | None = Field(None, validation_alias="PORTAL_AUDIT_KEY")
    audit_retention: int = Field(730, ge=365, le=36500, validation_alias="PORTAL_AUDIT_RETENTION")
    work_zone: str = Field("Asia/Seoul", validation_alias="PORTAL_WORK_ZONE")
    metrics_token: SecretStr | None = Field(None, validation_alias="PORTAL_METRICS_TOKEN")
    email_url: SecretStr | None = Field(None, validation_alias="PORTAL_EMAIL_URL")
    email_from: str = Field("", validation_alias="PORTAL_EMAIL_FROM")
    deployment_id: UUID | None = Field(None, validation_alias="PORTAL_DEPLOYMENT_ID")
    database_role: DatabaseRole = Field("app", validation_alias="PORTAL_DATABASE_ROLE")
    database_pool_size: int = Field(16, ge=1, le=500, validation_alias="PORTAL_DATABASE_POOL_SIZE")
    trusted_proxies: str = Field("", validation_alias="PORTAL_TRUSTED_PROXIES")
    web_workers: int = Field(2, ge=1, le=64, validation_alias="PORTAL_WEB_WORKERS")
    dataset_max_file_bytes: int = Field(64 << 30, ge=1, validation_alias="PORTAL_DATASET_MAX_FILE_BYTES")
    disk_reserve_bytes: int = Field(1 << 30, ge=0, validation_alias="PORTAL_DISK_RESERVE_BYTES")
    # What workloads on the portal's own machine get, where the defaults (by the machine's size) do not fit.
    local_cpus: int | None = Field(None, ge=1, validation_alias="PORTAL_LOCAL_CPUS")
    local_disk_bytes: int | None = Field(None, ge=1, validation_alias="PORTAL_LOCAL_DISK_BYTES")
    local_file_bytes: int | None = Field(None, ge=1, validation_alias="PORTAL_LOCAL_FILE_BYTES")
    local_jobs: int | None = Field(None, ge=1, validation_alias="PORTAL_LOCAL_JOBS")
    local_log_bytes: int | None = Field(None, ge=1, validation_alias="PORTAL_LOCAL_LOG_BYTES")
    local_max_cpus: int | None = Field(None, ge=1, validation_alias="PORTAL_LOCAL_MAX_CPUS")
    local_max_memory_bytes: int | None = Field(None, ge=1, validation_alias="PORTAL_LOCAL_MAX_MEMORY_BYTES")
    local_max_wall_seconds: int | None = Field(None, ge=1, validation_alias="PORTAL_LOCAL_MAX_WALL_SECONDS")
    local_memory_bytes: int | None = Field(None, ge=1, validation_alias="PORTAL_LOCAL_MEMORY_BYTES")
    local_processes: int | None = Field(None, ge=1, validation_alias="PORTAL_LOCAL_PROCESSES")
    local_stop_seconds: int | None = Field(None, ge=1, validation_alias="PORTAL_LOCAL_STOP_SECONDS")
    local_wall_seconds: int | None = Field(None, ge=1, validation_alias="PORTAL_LOCAL_WALL_SECONDS")
    database_url: SecretStr | None = Field(None, validation_alias="DATABASE_URL")
    database_owner_url: SecretStr | None = Field(None, validation_alias="DATABASE_OWNER_URL")
    database_system_url: SecretStr | None = Field(None, validation_alias="DATABASE_SYSTEM_URL")
    mlflow_database_url: SecretStr | None = Field(None, validation_alias="MLFLOW_DATABASE_URL")
    redis_url: SecretStr | None = Field(None, validation_alias="REDIS_URL")

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("bind")
    @classmethod
    def _address(cls, value: str) -> str:
        try:
            return str(ipaddress.ip_address(value))
        except ValueError:
            raise ValueError("must be an IP address to listen on, such as 127.0.0.1 or 0.0.0.0") from None

    @field_validator("base_url", "internal_url")
    @classmethod
    def _origin(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (
            parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/")
        ):
            raise ValueError("must be an origin such as https://portal.example.com, without a path")
        return f"{parts.scheme}://{parts.netloc}" if value else ""

    @field_validator("allowed_hosts", "outbound_allow", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return (
            [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        )

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 50:
            raise ValueError("must have at least 50 random characters")
        return value

    @field_validator("audit_key")
    @classmethod
    def _thirty_two_bytes(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            decode_root_key(value.get_secret_value())
        return value

    @field_validator("work_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            return ZoneInfo(value).key
        except (ValueError, KeyError, OSError):
            raise ValueError("must be a time zone such as Asia/Seoul") from None

    @field_validator("database_url", "database_owner_url", "database_system_url", "mlflow_database_url")
    @classmethod
    def _postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_database_url(value.get_secret_value())
        return value

    @field_validator("email_url")
    @classmethod
    def _smtp(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_email_url(value.get_secret_value())
        return value

    @field_validator("email_from")
    @classmethod
    def _mail_address(cls, value: str) -> str:
        if value and not re.fullmatch(r"[^\s@<>,]+@[A-Za-z0-9.-]+", value):
            raise ValueError("must be a mail address such as portal@fab.example")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and urlsplit(value.get_secret_value()).scheme not in ("redis", "rediss", "unix"):
            raise ValueError("must start with redis://, rediss:// or unix://")
        return value

    @model_validator(mode="after")
    def _role_has_an_address(self) -> "Environment":
        if self.embedded_database:
            return self
        variable = DATABASE_VARIABLES[self.database_role]
        if self.url_of(self.database_role) is None:
            raise ValueError(
                f"{variable}: is needed, because this process works as the database role {self.database_role}"
            )
        if self.base_url.startswith("https://"):
            missing = [
                name
                for name, value in (
                    ("PORTAL_SECRET_KEY", self.secret_key),
                    (self.root_key_variable, self.root_key_given),
                    ("PORTAL_DEPLOYMENT_ID", self.deployment_id),
                )
                if not value
            ]
            if missing:
                raise ValueError(
                    f"{', '.join(missing)}: needed with an outside database behind https, the same in every process"
                )
        return self

    @property
    def own_url(self) -> str:
        """Where this machine reaches the web processes, past any proxy."""
        address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.bind, self.bind)  # noqa: S104  # names them only
        return f"http://[{address}]:{self.port}" if ":" in address else f"http://{address}:{self.port}"

    @property
    def embedded_database(self) -> bool:
        """True when no database variable is set: the portal then runs PostgreSQL itself."""
        return all(self.url_of(role) is None for role in DATABASE_VARIABLES)

    @property
    def embedded_redis(self) -> bool:
        """True when REDIS_URL is not set: the portal then runs Redis itself."""
        return self.redis_url is None

    def url_of(self, role: str) -> str | None:
        """The address given for one database role, or None."""
        field = DATABASE_VARIABLES[role].lower()
        value: SecretStr | None = getattr(self, field)
        return value.get_secret_value() if value is not None else None


def parse_database_url(url: str) -> dict[str, str]:
    """libpq's own reading of a postgresql:// address, as a dict of its parameters; ValueError where libpq refuses."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise ValueError("must start with postgresql://")
    try:
        parameters = conninfo_to_dict(url)
    except ProgrammingError:
        raise ValueError("is not an address that PostgreSQL's client library can read") from None
    return {name: str(value) for name, value in parameters.items() if value is not None}


def parse_email_url(url: str) -> dict[str, Any]:
    """Django's settings for an address of a mail server; ValueError where it is none.

    `smtp://` is in clear, `smtp+tls://` turns to TLS by STARTTLS, `smtps://` speaks TLS from the start.
    """
    parts = urlsplit(url)
    ports = {"smtp": 25, "smtp+tls": 587, "smtps": 465}
    if parts.scheme not in ports or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise ValueError("must look like smtps://user:password@mail.example:465 (or smtp://, smtp+tls://)")
    return {
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or ports[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
        "EMAIL_USE_SSL": parts.scheme == "smtps",
    }


def _read_files() -> tuple[dict[str, str], list[str]]:
    """The contents of the *_FILE variables under their plain names, and complaints."""
    contents: dict[str, str] = {}
    complaints: list[str] = []
    for name in FILE_VARIABLES:
        path = os.environ.get(f"{name}_FILE")
        if not path:
            continue
        if os.environ.get(name):
            complaints.append(f"{name}_FILE: {name} is set as well; keep one of the two")
            continue
        try:
            contents[name] = Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            complaints.append(f"{name}_FILE: cannot be read ({type(error).__name__}): {path}")
    return contents, complaints


def read_environment() -> Environment:
    """Read and check every variable; WrongEnvironment names all that are wrong, and none of their values."""
    contents, complaints = _read_files()
    environment: Environment | None = None
    try:
        environment = Environment(**contents)  # type: ignore[arg-type]  # by alias; each is checked as it is read
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            message = problem["msg"].removeprefix("Value error, ")
            complaints.append(f"{problem['loc'][0]}: {message}" if problem["loc"] else message)
    if complaints or environment is None:
        raise WrongEnvironment(
            "The environment is not usable:\n" + "\n".join(f"  {line}" for line in complaints)
        )
    return environment
