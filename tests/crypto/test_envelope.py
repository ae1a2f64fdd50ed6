"""Scheme 2: a committed, wrapped data key and the one value under it. Pure functions of bytes."""

import os

import pytest
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from accounts.crypto import envelope
from accounts.crypto.errors import SealError

KEY = bytes(range(32))
DATA_KEY = bytes(range(32, 64))


@given(st.binary(max_size=4096), st.binary(max_size=64))
def test_a_value_opens_again_and_nothing_else_does(plaintext: bytes, context: bytes) -> None:
    sealed = envelope.seal_value(DATA_KEY, plaintext, context)
    assert envelope.open_value(DATA_KEY, sealed, context) == plaintext
    for wrong in (sealed[:-1], sealed + b"x", b""):
        with pytest.raises(SealError):
            envelope.open_value(DATA_KEY, wrong, context)
    with pytest.raises(SealError):
        envelope.open_value(DATA_KEY, sealed, context + b"x")


def test_every_flipped_bit_of_a_wrapped_key_is_found() -> None:
    wrapped = envelope.wrap_key(KEY, DATA_KEY, b"here")
    assert len(wrapped) == envelope.WRAPPED_KEY_BYTES
    assert envelope.unwrap_key(KEY, wrapped, b"here") == DATA_KEY
    for bit in range(len(wrapped) * 8):
        changed = bytearray(wrapped)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealError):
            envelope.unwrap_key(KEY, bytes(changed), b"here")


def test_wrapping_twice_gives_nothing_in_common() -> None:
    first, second = (envelope.wrap_key(KEY, DATA_KEY, b"here") for _turn in range(2))
    assert all(first[start : start + 16] != second[start : start + 16] for start in range(0, 112, 16))


def test_it_is_hkdf_expand_and_commits_to_the_key() -> None:
    wrapped = envelope.wrap_key(KEY, DATA_KEY, b"here")
    salt, commitment = wrapped[:32], wrapped[32:64]
    material = HKDFExpand(algorithm=SHA512(), length=64, info=b"mlops-portal wrapped key 2" + salt).derive(
        KEY
    )
    assert material[32:] == commitment
    for other in (os.urandom(32), KEY[:-1] + b"x"):
        with pytest.raises(SealError):
            envelope.unwrap_key(other, wrapped, b"here")
    for short in (KEY[:-1], b""):
        with pytest.raises(SealError):
            envelope.wrap_key(short, DATA_KEY, b"here")
