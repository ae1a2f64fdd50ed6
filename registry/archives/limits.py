"""How much an archive may hold."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what comes out of one archive or folder upload; sizes in bytes of real, decompressed content.

    `ratio` bounds the content by the archive's own size, from `ratio_floor` bytes of content on (a small
    table of zeros compresses a thousandfold, and harms nobody).
    """

    entries: int = 10_000
    total: int = 1 << 30
    ratio: int = 100
    ratio_floor: int = 16 << 20
    depth: int = 32
    name_bytes: int = 1024
