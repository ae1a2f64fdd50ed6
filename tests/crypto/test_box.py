"""The box: opens with its key in its context, and in no other way."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.crypto import box
from accounts.crypto.errors import SealError
from accounts.crypto.place import encode

KEY = bytes(range(32))


@given(st.binary(max_size=4096), st.binary(max_size=64))
def test_it_opens_again(plaintext: bytes, context: bytes) -> None:
    sealed = box.lock(KEY, plaintext, context)
    assert len(sealed) == len(plaintext) + box.OVERHEAD_BYTES
    assert box.unlock(KEY, sealed, context) == plaintext


@pytest.mark.parametrize("plaintext", [b"", b"kubeconfig"])
def test_every_flipped_bit_is_found(plaintext: bytes) -> None:
    sealed = box.lock(KEY, plaintext, b"here")
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealError):
            box.unlock(KEY, bytes(changed), b"here")


@given(st.binary(max_size=64), st.data())
def test_every_cut_and_every_addition_is_found(plaintext: bytes, data: st.DataObject) -> None:
    sealed = box.lock(KEY, plaintext, b"here")
    cut = data.draw(st.integers(0, len(sealed) - 1))
    added = data.draw(st.binary(min_size=1, max_size=40))
    for changed in (sealed[:cut], sealed + added, added + sealed):
        with pytest.raises(SealError):
            box.unlock(KEY, changed, b"here")


@given(st.binary(min_size=32, max_size=32).filter(lambda key: key != KEY), st.binary(max_size=8))
def test_another_key_or_context_opens_nothing(key: bytes, context: bytes) -> None:
    sealed = box.lock(KEY, b"secret", b"right here")
    with pytest.raises(SealError):
        box.unlock(key, sealed, b"right here")
    with pytest.raises(SealError):
        box.unlock(KEY, sealed, context)


def test_the_commitment_alone_tells_a_wrong_key() -> None:
    """The commitment is checked, not only the tag: it differs with the key for the same salt."""
    sealed = box.lock(KEY, b"secret", b"")
    other = os.urandom(32)
    forged = bytearray(box.lock(other, b"secret", b""))
    forged[33:65] = sealed[33:65]  # the commitment of another key over content sealed under this one
    with pytest.raises(SealError):
        box.unlock(other, bytes(forged), b"")


def test_the_same_content_never_looks_the_same() -> None:
    assert len({box.lock(KEY, b"secret", b"") for _ in range(100)}) == 100


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(SealError):
        box.lock(bytes(length), b"secret", b"")


@given(st.lists(st.text(max_size=5), max_size=5), st.lists(st.text(max_size=5), max_size=5))
def test_different_places_never_encode_alike(left: list[str], right: list[str]) -> None:
    assert (encode(*left) == encode(*right)) == (left == right)
