"""The `Range` header of HTTP (RFC 9110, section 14). Pure."""

import re

_SPEC = re.compile(r"(\d{0,18})-(\d{0,18})")


class Unsatisfiable(ValueError):
    """The range lies outside the content: answer 416 with `Content-Range: bytes */<size>`."""


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the one range that `header` asks of content of `size` bytes, as (start, end), end not included.

    None means: serve all of it (no header, another unit, malformed, or several ranges at once, which a
    server may ignore). Raises `Unsatisfiable` where no byte of the content is in the range.
    """
    unit, _, spec = header.strip().partition("=")
    match = _SPEC.fullmatch(spec.strip())
    if unit.strip().lower() != "bytes" or match is None or match[0] == "-":
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise Unsatisfiable(header)
    return start, end
