"""The content hash of a version: what two versions with the same files have in common. Pure.

The manifest has a line `<sha256>  <size>  <path>` for each file, sorted by the bytes of the path, each ended
by a line feed; its SHA-256 is the hash. Anybody who has the files can compute it: see `docs/api.md`.
"""

import hashlib
from collections.abc import Iterable


def manifest(files: Iterable[tuple[str, str, int]]) -> str:
    """Return the manifest of `(path, sha256, size)`, sizes in bytes."""
    ordered = sorted(files, key=lambda entry: entry[0].encode())
    return "".join(f"{sha256}  {size}  {path}\n" for path, sha256, size in ordered)


def content_hash(files: Iterable[tuple[str, str, int]]) -> str:
    """Return the SHA-256, in hex, of the manifest of `(path, sha256, size)`."""
    return hashlib.sha256(manifest(files).encode()).hexdigest()
