"""An answer that only transfers give."""

from django.utils.translation import gettext as _

from accounts.errors import PortalError


class RangeNotSatisfiable(PortalError):
    """The range lies outside the file."""

    status = 416


def range_not_satisfiable(path: str, size: int) -> RangeNotSatisfiable:
    """Return the error for a range outside a file of `size` bytes."""
    return RangeNotSatisfiable(
        "dataset.range",
        _("“%(path)s” has %(size)d bytes; the range asked for lies outside.") % {"path": path, "size": size},
        size=size,
    )
