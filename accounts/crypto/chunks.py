"""Content in independently sealed chunks: any chunk opens alone, and only at its own position.

A sealed file is `header | chunk 0 | chunk 1 | …`. The header, `magic (4) | scheme (1) | commitment (32)`,
commits to the data key and the place. A sealed chunk is `nonce (12) | ciphertext and tag`; its index and
whether it is the last one are authenticated, so reordered, repeated, cut off or appended chunks do not
open.

Nonces are random, not made of the index: an upload that is resumed after a crash seals the same index
again, perhaps with other content, and the torn first attempt may survive on the disk. A key serves one
blob; 2^32 chunks (4 PiB) stay within NIST SP 800-38D's bound for random nonces.
"""

import hmac
import os
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from accounts.crypto import box
from accounts.crypto.errors import SealError
from accounts.crypto.place import Place

SCHEME = 1
_MAGIC = b"mlpb"

HEADER_BYTES = len(_MAGIC) + 1 + box.COMMITMENT_BYTES
CHUNK_OVERHEAD_BYTES = box.NONCE_BYTES + box.TAG_BYTES


class DataKey:
    """The key of one blob's content, bound to its place. It cannot be printed or pickled."""

    __slots__ = ("_cipher", "_context", "header")

    header: bytes

    def __init__(self, key: bytes, place: Place) -> None:
        self._context = place.context("chunk")
        material = box.derive(
            key,
            salt=b"",
            info=b"mlops-portal chunks 1" + self._context,
            length=box.KEY_BYTES + box.COMMITMENT_BYTES,
        )
        self._cipher = AESGCM(material[: box.KEY_BYTES])
        self.header = _MAGIC + bytes([SCHEME]) + material[box.KEY_BYTES :]

    def __repr__(self) -> str:
        return "<DataKey>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A data key stays in the process that opened it.")

    def check_header(self, header: bytes) -> None:
        """Raise `SealError` unless `header` is that of content sealed under this key."""
        if not hmac.compare_digest(header, self.header):
            raise SealError

    def seal_chunk(self, index: int, plaintext: bytes | bytearray | memoryview, *, last: bool) -> bytes:
        """Return one chunk sealed to its position; `last` marks the end of the content."""
        nonce = os.urandom(box.NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plaintext, self._position(index, last))

    def seal_chunk_into(
        self, index: int, plaintext: memoryview, room: memoryview, *, last: bool
    ) -> memoryview:
        """Like `seal_chunk`, into `room`, so that chunks allocate no memory; return the part used."""
        used = room[: len(plaintext) + CHUNK_OVERHEAD_BYTES]
        used[: box.NONCE_BYTES] = nonce = os.urandom(box.NONCE_BYTES)
        self._cipher.encrypt_into(nonce, plaintext, self._position(index, last), used[box.NONCE_BYTES :])
        return used

    def open_chunk(self, index: int, sealed: bytes, *, last: bool) -> bytes:
        """Return the chunk sealed for this position; raise `SealError` for anything else."""
        if len(sealed) < CHUNK_OVERHEAD_BYTES:
            raise SealError
        nonce = sealed[: box.NONCE_BYTES]
        try:
            return self._cipher.decrypt(
                nonce, memoryview(sealed)[box.NONCE_BYTES :], self._position(index, last)
            )
        except InvalidTag:
            raise SealError from None

    def seal_tail(self, index: int, plaintext: bytes | bytearray | memoryview) -> bytes:
        """Seal the unfinished chunk of a suspended upload: it never opens as a chunk of finished content."""
        nonce = os.urandom(box.NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plaintext, self._tail(index))

    def open_tail(self, index: int, sealed: bytes) -> bytes:
        """Return the unfinished chunk sealed for this position; raise `SealError` for anything else."""
        if len(sealed) < CHUNK_OVERHEAD_BYTES:
            raise SealError
        try:
            return self._cipher.decrypt(
                sealed[: box.NONCE_BYTES], sealed[box.NONCE_BYTES :], self._tail(index)
            )
        except InvalidTag:
            raise SealError from None

    def _position(self, index: int, last: bool) -> bytes:
        return b"%s chunk %d %s" % (self._context, index, b"last" if last else b"more")

    def _tail(self, index: int) -> bytes:
        return b"%s tail %d" % (self._context, index)
