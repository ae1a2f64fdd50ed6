"""The variables about people: sessions, second factors, single sign-on, directories."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

RequireMfa = Literal["nobody", "admins", "everyone"]


class SignInVariables(BaseSettings):
    """What of the environment is about signing in; `portal.environment` reads it with the rest."""

    session_seconds: int = Field(12 * 3600, ge=300, le=30 * 86400, validation_alias="PORTAL_SESSION_SECONDS")
    session_idle_seconds: int = Field(
        2 * 3600, ge=60, le=30 * 86400, validation_alias="PORTAL_SESSION_IDLE_SECONDS"
    )
    require_mfa: RequireMfa | None = Field(None, validation_alias="PORTAL_REQUIRE_MFA")
