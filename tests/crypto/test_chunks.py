"""Chunks: each opens at its own position of its own blob only."""

import copy
import pickle
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.crypto import DataKey, Place, SealError
from accounts.crypto.chunks import CHUNK_OVERHEAD_BYTES, HEADER_BYTES

ACCOUNT = UUID(int=1)
PLACE = Place(ACCOUNT, "registry.Blob", UUID(int=2), "content")
SECRET = bytes(range(32))


@given(st.integers(0, 2**40), st.binary(max_size=200), st.booleans())
def test_a_chunk_opens_at_its_position_only(index: int, content: bytes, last: bool) -> None:
    key = DataKey(SECRET, PLACE)
    sealed = key.seal_chunk(index, content, last=last)
    assert len(sealed) == len(content) + CHUNK_OVERHEAD_BYTES
    assert key.open_chunk(index, sealed, last=last) == content
    for position, end in ((index + 1, last), (index, not last)):
        with pytest.raises(SealError):
            key.open_chunk(position, sealed, last=end)
    with pytest.raises(SealError):
        key.open_tail(index, sealed)


@given(st.integers(0, 2**40), st.binary(max_size=200), st.booleans())
def test_sealing_into_room_is_the_same(index: int, content: bytes, last: bool) -> None:
    key = DataKey(SECRET, PLACE)
    room = memoryview(bytearray(300))
    used = key.seal_chunk_into(index, memoryview(content), room, last=last)
    assert key.open_chunk(index, bytes(used), last=last) == content
    assert bytes(room[len(used) :]) == bytes(300 - len(used))


def test_every_flipped_bit_of_chunk_and_header_is_found() -> None:
    key = DataKey(SECRET, PLACE)
    sealed = key.seal_chunk(7, b"content", last=False)
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealError):
            key.open_chunk(7, bytes(changed), last=False)
    assert len(key.header) == HEADER_BYTES
    for bit in range(len(key.header) * 8):
        changed = bytearray(key.header)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealError):
            key.check_header(bytes(changed))


@pytest.mark.parametrize("length", range(CHUNK_OVERHEAD_BYTES + 1))
def test_a_torn_chunk_does_not_open(length: int) -> None:
    key = DataKey(SECRET, PLACE)
    sealed = key.seal_chunk(0, b"content", last=True)[:length]
    with pytest.raises(SealError):
        key.open_chunk(0, sealed, last=True)


@pytest.mark.parametrize(
    "place",
    [
        Place(UUID(int=9), "registry.Blob", UUID(int=2), "content"),
        Place(ACCOUNT, "registry.Other", UUID(int=2), "content"),
        Place(ACCOUNT, "registry.Blob", UUID(int=3), "content"),
        Place(ACCOUNT, "registry.Blob", UUID(int=2), "preview"),
    ],
)
def test_the_same_secret_at_another_place_is_another_key(place: Place) -> None:
    key, moved = DataKey(SECRET, PLACE), DataKey(SECRET, place)
    with pytest.raises(SealError):
        moved.check_header(key.header)
    with pytest.raises(SealError):
        moved.open_chunk(0, key.seal_chunk(0, b"content", last=True), last=True)


def test_a_key_shows_and_copies_nothing() -> None:
    key = DataKey(SECRET, PLACE)
    assert repr(key) == str(key) == "<DataKey>"
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leave(key)
