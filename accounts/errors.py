"""The one family of errors a person or a program may see.

Actions raise these; one renderer (`portal.problems`) turns them into an RFC 9457 problem document or a page.
A message says what happened, to which thing, and what the reader can do about it.
"""

from typing import Any, ClassVar


class PortalError(Exception):
    """An expected failure with a stable code, an HTTP status, a sentence and machine-readable data.

    `code` is dotted and stable (`dataset.not_found`): programs match on it. `detail` is a translated sentence.
    """

    status: ClassVar[int] = 500

    def __init__(self, code: str, detail: str, **data: Any) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.data = data

    def __str__(self) -> str:
        return str(self.detail)


class Invalid(PortalError):
    """The request does not parse; `data["errors"]` maps field names to lists of sentences."""

    status = 400


class Unauthenticated(PortalError):
    """Nobody is signed in, or the token is unknown, expired or revoked."""

    status = 401


class Forbidden(PortalError):
    """The actor is known, and lacks `data["permission"]`."""

    status = 403


class NotFound(PortalError):
    """No such thing in this project. Another tenant's thing is always this."""

    status = 404


class MethodNotAllowed(PortalError):
    """The route has no action declared for this method."""

    status = 405


class Conflict(PortalError):
    """The thing exists already, or is not in a state that allows this."""

    status = 409


class TooLarge(PortalError):
    """More bytes than the limit named in the detail."""

    status = 413


class Unprocessable(PortalError):
    """The request parses, and what it asks for makes no sense."""

    status = 422


class TooManyRequests(PortalError):
    """A rate limit; `data["retry_after"]` is in seconds."""

    status = 429


class Unavailable(PortalError):
    """An engine behind the portal does not answer; `data["retry_after"]` is in seconds where known."""

    status = 503
