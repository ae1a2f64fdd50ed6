"""Primary keys: UUIDv7 (RFC 9562), made by the server, sortable by time of creation."""

import uuid

from uuid_utils import compat


def uuid7() -> uuid.UUID:
    """Return a new UUIDv7 as the standard library's type."""
    return compat.uuid7()
