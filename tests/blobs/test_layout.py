"""Arithmetic of chunks and of HTTP ranges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.crypto import HEADER_BYTES
from registry.blobs import Unsatisfiable, parse_range
from registry.blobs.layout import Layout, content_size, sealed_offset, whole_chunks


@given(st.integers(0, 5000), st.integers(1, 70))
def test_chunks_lie_end_to_end(size: int, chunk_size: int) -> None:
    layout = Layout(size, chunk_size)
    position = HEADER_BYTES
    for index in range(layout.chunks):
        start, length = layout.chunk(index)
        assert start == position == sealed_offset(index, chunk_size)
        position += length
    assert position == layout.sealed_size
    assert content_size(layout.sealed_size, chunk_size) == size
    assert [index for index in range(layout.chunks) if layout.is_last(index)] == [layout.chunks - 1]


@given(st.integers(0, 20), st.integers(0, 69), st.integers(1, 70))
def test_a_torn_write_is_not_a_chunk(chunks: int, torn: int, chunk_size: int) -> None:
    sealed = sealed_offset(chunks, chunk_size)
    rest = torn % (sealed_offset(1, chunk_size) - HEADER_BYTES)
    assert whole_chunks(sealed + rest, chunk_size) == chunks
    assert whole_chunks(HEADER_BYTES - 1, chunk_size) == 0


@given(st.integers(1, 5000), st.integers(1, 70), st.data())
def test_a_range_touches_the_fewest_chunks(size: int, chunk_size: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, size))
    end = data.draw(st.integers(start, size))
    touched = list(Layout(size, chunk_size).covering(start, end))
    assert touched == sorted({position // chunk_size for position in range(start, end)})


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-", (0, 100)),
        ("bytes=0-0", (0, 1)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-1000", (90, 100)),
        ("bytes=-1", (99, 100)),
        ("bytes=-1000", (0, 100)),
        ("BYTES = 5-6", (5, 7)),
        ("", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=9-5", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
        ("bytes=a-b", None),
        ("bytes=+1-2", None),
        ("bytes=1-9999999999999999999999", None),
    ],
)
def test_a_range_header(header: str, expected: tuple[int, int] | None) -> None:
    assert parse_range(header, 100) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_outside_the_content(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        parse_range(header, 100)


def test_no_range_of_nothing_is_satisfiable() -> None:
    for header in ("bytes=0-", "bytes=-5"):
        with pytest.raises(Unsatisfiable):
            parse_range(header, 0)
