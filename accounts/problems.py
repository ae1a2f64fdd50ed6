"""RFC 9457 problem documents, as plain data: rendered by the API, the plain ASGI doors and the pages alike."""

from typing import Any

from django.db import InterfaceError, OperationalError
from django.utils.translation import gettext as _
from psycopg_pool import PoolTimeout

from accounts.errors import PortalError, Unavailable

CONTENT_TYPE = "application/problem+json"

TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    409: "Conflict",
    410: "Gone",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    507: "Insufficient Storage",
}


# What the database's absence looks like, from a connection that breaks to a pool that has none to give.
DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeout)


def database_away() -> Unavailable:
    """The answer while PostgreSQL is being restarted."""
    return Unavailable(
        "database.away", _("The database does not answer. Try again in a few seconds."), retry_after=3
    )


def problem(error: PortalError, *, request_id: str = "") -> dict[str, Any]:
    """Return the problem document of an error; `code` is stable, `detail` is for people."""
    return {
        "type": "about:blank",
        "title": TITLES.get(error.status, "Error"),
        "status": error.status,
        "code": error.code,
        "detail": str(error.detail),
        **error.data,
        **({"request_id": request_id} if request_id else {}),
    }


def headers(error: PortalError) -> dict[str, str]:
    """Return the headers that belong to an error's status."""
    found: dict[str, str] = {}
    if error.status == 401:
        found["WWW-Authenticate"] = 'Bearer realm="portal"'
    if "retry_after" in error.data:
        found["Retry-After"] = str(error.data["retry_after"])
    return found
