"""MLflow's errors as the portal's, with what is the server's own business taken out of their texts."""

import re
from collections.abc import Iterable
from typing import Any

import httpx
from django.conf import settings
from django.utils.translation import gettext as _

from accounts.errors import Conflict, Forbidden, Invalid, NotFound, PortalError, Unavailable, Unprocessable

_KINDS: dict[str, tuple[type[PortalError], str]] = {
    "RESOURCE_DOES_NOT_EXIST": (NotFound, "mlflow.not_found"),
    "NOT_FOUND": (NotFound, "mlflow.not_found"),
    "ENDPOINT_NOT_FOUND": (NotFound, "mlflow.not_found"),
    "RESOURCE_ALREADY_EXISTS": (Conflict, "mlflow.exists"),
    "ALREADY_EXISTS": (Conflict, "mlflow.exists"),
    "RESOURCE_CONFLICT": (Conflict, "mlflow.conflict"),
    "INVALID_STATE": (Conflict, "mlflow.state"),
    "INVALID_PARAMETER_VALUE": (Invalid, "mlflow.invalid"),
    "BAD_REQUEST": (Invalid, "mlflow.invalid"),
    "PERMISSION_DENIED": (Forbidden, "mlflow.forbidden"),
    "TEMPORARILY_UNAVAILABLE": (Unavailable, "mlflow.unavailable"),
}
_LONGEST = 2000
# What SQLAlchemy and psycopg append: the statement with its values, the constraint, an address to read at.
_DATABASE = re.compile(
    r"(?s)\s*(?:Error:\s*)?\((?:psycopg|sqlalchemy)[\w.]*\).*$|\s*\[SQL:.*$|\s*\(Background on this error.*$"
)
_FOLDERS = re.compile(
    r"(?:file://)?/(?:bin|data|etc|home|lib|mnt|opt|proc|root|run|srv|tmp|usr|var|work)(?:/[^\s'\",;:)\]]*)+"
)


def starting() -> Unavailable:
    """The answer while MLflow's process is not listening: it takes some seconds to start."""
    return Unavailable("mlflow.starting", _("MLflow is starting. Try again in a few seconds."), retry_after=5)


def redact(text: str, private: Iterable[str] = ()) -> str:
    """Take file paths, SQL and the database's own words out of a text of MLflow's.

    `private` are the folders that this portal keeps its things in, wherever they lie.
    """
    text = _DATABASE.sub("", text)
    for folder in private:
        text = re.sub(rf"(?:file://)?{re.escape(folder)}[^\s'\",;:)\]]*", "…", text)
    return _FOLDERS.sub("…", text)[:_LONGEST]


def private_folders() -> tuple[str, ...]:
    """The folders whose names no tenant needs to see, longest first."""
    found = {str(settings.ARTIFACT_ROOT), str(settings.HOME), str(settings.MLFLOW_SOCKET.parent)}
    return tuple(sorted((folder for folder in found if folder != "/"), key=len, reverse=True))


def message_of(status: int, document: Any) -> tuple[str, str]:
    """Return MLflow's error code and its redacted sentence, from a parsed response (None where it did not
    parse).
    """
    if isinstance(document, dict):
        code = document.get("error_code")
        text = document.get("message", document.get("detail"))
        if isinstance(text, str) and status < 500:
            return str(code or _code_of(status)), redact(text, private_folders())
        return str(code or _code_of(status)), _(
            "MLflow could not do this. Try again; the log has the request's id."
        )
    return _code_of(status), _("MLflow answered with status %(status)s.") % {"status": status}


def _code_of(status: int) -> str:
    by_status = {
        400: "INVALID_PARAMETER_VALUE",
        403: "PERMISSION_DENIED",
        404: "RESOURCE_DOES_NOT_EXIST",
        409: "RESOURCE_ALREADY_EXISTS",
        501: "NOT_IMPLEMENTED",
        503: "TEMPORARILY_UNAVAILABLE",
    }
    return by_status.get(status, "INTERNAL_ERROR" if status >= 500 else "BAD_REQUEST")


def error_of(response: httpx.Response) -> PortalError:
    """Return the portal's error for a response of MLflow's with status 400 or more; its body must have been
    read.
    """
    try:
        document = response.json()
    except ValueError:
        document = None
    code, message = message_of(response.status_code, document)
    kind, name = _KINDS.get(code, (Unprocessable, "mlflow.refused"))
    if response.status_code >= 500:
        kind, name = Unavailable, "mlflow.unavailable"
    if kind is Invalid:
        return Invalid(name, message, errors={})
    if kind is Unavailable:
        return Unavailable(name, message, retry_after=5)
    return kind(name, message)
