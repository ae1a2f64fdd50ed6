"""Where chunks lie in a sealed file. Pure arithmetic; all sizes in bytes."""

from dataclasses import dataclass

from accounts.crypto import CHUNK_OVERHEAD_BYTES, HEADER_BYTES

CHUNK_SIZE = 1 << 20


@dataclass(frozen=True, slots=True)
class Layout:
    """Content of `size` bytes in chunks of `chunk_size`; empty content is one empty chunk."""

    size: int
    chunk_size: int

    @property
    def chunks(self) -> int:
        """How many chunks there are: at least one, which carries the end mark."""
        return max(1, -(-self.size // self.chunk_size))

    @property
    def sealed_size(self) -> int:
        """Bytes of the whole sealed file."""
        return HEADER_BYTES + self.size + self.chunks * CHUNK_OVERHEAD_BYTES

    def chunk(self, index: int) -> tuple[int, int]:
        """Return start and length of one sealed chunk in the file."""
        length = min(self.chunk_size, self.size - index * self.chunk_size)
        return sealed_offset(index, self.chunk_size), length + CHUNK_OVERHEAD_BYTES

    def is_last(self, index: int) -> bool:
        """Whether this chunk ends the content."""
        return index == self.chunks - 1

    def covering(self, start: int, end: int) -> range:
        """Return the indexes of the chunks that hold the bytes from `start` up to, not including, `end`."""
        return range(start // self.chunk_size, -(-end // self.chunk_size)) if start < end else range(0)


def sealed_offset(index: int, chunk_size: int) -> int:
    """Return where chunk `index` begins, all before it being full."""
    return HEADER_BYTES + index * (chunk_size + CHUNK_OVERHEAD_BYTES)


def whole_chunks(sealed_size: int, chunk_size: int) -> int:
    """Return how many full chunks fit into an unfinished file; what follows them is a torn write."""
    return max(0, sealed_size - HEADER_BYTES) // (chunk_size + CHUNK_OVERHEAD_BYTES)


def content_size(sealed_size: int, chunk_size: int) -> int:
    """Return how many bytes of content a finished file of `sealed_size` bytes holds."""
    body = sealed_size - HEADER_BYTES
    chunks = max(1, -(-body // (chunk_size + CHUNK_OVERHEAD_BYTES)))
    return body - chunks * CHUNK_OVERHEAD_BYTES
