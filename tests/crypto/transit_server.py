"""A server that speaks the transit engine's documented HTTP protocol, with real AES-256-GCM and key versions.

For tests where no Vault or OpenBao is at hand. It answers as they do on the wire (paths, headers, JSON, errors, the
`vault:v1:` prefix, derivation by context, associated data, `rewrap` without associated data, minimal versions); it is
not their storage, policies or seal.
"""

import base64
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12


class Refused(Exception):
    """An answer with `errors`."""

    def __init__(self, status: int, *errors: str) -> None:
        super().__init__(*errors)
        self.status = status
        self.errors = errors


@dataclass
class Key:
    """A named key: its versions, and what they may do."""

    derived: bool = True
    kind: str = "aes256-gcm96"
    versions: list[bytes] = field(default_factory=lambda: [os.urandom(32)])
    min_decryption_version: int = 1

    def cipher(self, version: int, context: bytes) -> AESGCM:
        key = self.versions[version - 1]
        if self.derived:
            if not context:
                raise Refused(
                    400, "missing 'context' for key derivation; the key was created using a derived key"
                )
            key = HKDF(algorithm=SHA256(), length=32, salt=None, info=context).derive(key)
        return AESGCM(key)

    def encrypt(self, plaintext: bytes, context: bytes, associated: bytes) -> str:
        nonce, version = os.urandom(NONCE_BYTES), len(self.versions)
        sealed = nonce + self.cipher(version, context).encrypt(nonce, plaintext, associated)
        return f"vault:v{version}:{base64.b64encode(sealed).decode()}"

    def decrypt(self, ciphertext: str, context: bytes, associated: bytes) -> bytes:
        prefix, version, body = ciphertext.split(":", 2)
        number = int(version[1:])
        if prefix != "vault" or not 1 <= number <= len(self.versions):
            raise Refused(400, "invalid ciphertext: version is too new")
        if number < self.min_decryption_version:
            raise Refused(400, "ciphertext or signature version is disallowed by policy (too old)")
        sealed = base64.b64decode(body)
        try:
            return self.cipher(number, context).decrypt(
                sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated
            )
        except InvalidTag:
            raise Refused(400, "cipher: message authentication failed") from None


@dataclass
class TransitServer:
    """The running server: its address, keys and tokens; `requests` are the paths that were asked for."""

    url: str = ""
    keys: dict[str, Key] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {"s.right"})
    namespace: str = ""
    sealed: bool = False
    requests: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, headers: Any, body: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(f"{method} {path}")
        if self.sealed:
            raise Refused(503, "Vault is sealed")
        if (
            headers.get("X-Vault-Token") not in self.tokens
            or headers.get("X-Vault-Namespace", "") != self.namespace
        ):
            raise Refused(403, "permission denied")
        parts = path.removeprefix("/v1/transit/").split("/")
        if not path.startswith("/v1/transit/") or len(parts) != 2:
            raise Refused(404, f"no handler for route {path!r}")
        verb, name = parts
        if name not in self.keys:
            raise Refused(404) if method == "GET" else Refused(400, "encryption key not found")
        key = self.keys[name]
        context = base64.b64decode(body.get("context", ""))
        associated = base64.b64decode(body.get("associated_data", ""))
        if (method, verb) == ("GET", "keys"):
            return {
                "name": name, "type": key.kind, "derived": key.derived, "latest_version": len(key.versions),
                "supports_encryption": not key.kind.startswith("ecdsa"), "kdf": "hkdf_sha256" if key.derived else "",
            }  # fmt: skip
        if verb == "encrypt":
            return {"ciphertext": key.encrypt(base64.b64decode(body["plaintext"]), context, associated)}
        if verb == "decrypt":
            return {
                "plaintext": base64.b64encode(key.decrypt(body["ciphertext"], context, associated)).decode()
            }
        if verb == "rewrap":  # takes no associated data, and so opens nothing that was sealed with some
            return {"ciphertext": key.encrypt(key.decrypt(body["ciphertext"], context, b""), context, b"")}
        raise Refused(405, "unsupported operation")


@contextmanager
def transit_server() -> Iterator[TransitServer]:
    """Run one on a free port of this machine."""
    server = TransitServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            try:
                status, told = 200, {"data": server.answer(self.command, self.path, self.headers, body)}
            except Refused as refused:
                status, told = refused.status, {"errors": list(refused.errors)}
            content = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _serve  # the names that the library calls

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the tests look at `requests`."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        listener.daemon_threads = True
        server.url = f"http://127.0.0.1:{listener.server_port}"
        thread = threading.Thread(target=listener.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()
