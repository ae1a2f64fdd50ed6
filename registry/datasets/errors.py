"""Errors of this room beyond the common family."""

from accounts.errors import PortalError


class InsufficientStorage(PortalError):
    """The blob store's disk would run full (WebDAV's 507, RFC 4918)."""

    status = 507


class Gone(PortalError):
    """It was here and was deleted for good (RFC 9110, 15.5.11)."""

    status = 410
