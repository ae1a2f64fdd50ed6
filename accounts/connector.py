"""Calling what a tenant named: only to the addresses that the guard has resolved, with bounds, without redirects.

A name is resolved once (`accounts.outbound`); the connection goes to exactly those addresses while TLS still checks the
name: a name that leads elsewhere a moment later changes nothing. What comes back is cut off at a size and a
deadline. Errors are sentences of ours: what the other side says may hold addresses or secrets.
"""

import os
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import certifi
import httpcore
from django.utils.translation import gettext as _

from accounts.errors import PortalError, Unprocessable
from accounts.outbound import ResolvedTarget, check_host, check_url

SECONDS = 10.0
LIMIT = 256 * 1024


@dataclass(frozen=True)
class Reply:
    """An answer: its status, headers by lower-case name, and the beginning of its body."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, repr=False)
class Trust:
    """How TLS is spoken: an authority of the tenant's own (PEM), and a certificate with its key to show."""

    authority: str = ""
    certificate: str = ""
    key: str = ""

    def context(self) -> ssl.SSLContext:
        """Return a context that checks certificates and names. Raises `Unprocessable` for a pair that does not load."""
        context = ssl.create_default_context()
        if self.authority:
            context = ssl.create_default_context(cadata=self.authority)
        else:
            context.load_verify_locations(cafile=certifi.where())
        if self.certificate:
            _load_pair(context, self.certificate, self.key)
        return context


def _load_pair(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """OpenSSL takes a pair from a file only: one in memory, which no disk ever sees."""
    memory = os.memfd_create("pair", os.MFD_CLOEXEC)
    try:
        os.write(memory, f"{certificate.strip()}\n{key.strip()}\n".encode())
        context.load_cert_chain(f"/proc/self/fd/{memory}")
    except (ssl.SSLError, OSError):
        raise Unprocessable(
            "connect.certificate", _("The client certificate and its key do not load together.")
        ) from None
    finally:
        os.close(memory)


def open_socket(target: ResolvedTarget, seconds: float = SECONDS) -> socket.socket:
    """Connect to the first of the resolved addresses that answers. Raises `Unprocessable`."""
    deadline = time.monotonic() + seconds
    for address in target.addresses:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            return socket.create_connection((address, target.port), timeout=left)
        except OSError:
            continue
    raise unreachable(target)


class _Bounded(httpcore.NetworkStream):
    """A stream on which every read and write ends by one deadline: whoever sends a byte at a time is cut off too."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._left())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Bounded(self._inner.start_tls(ssl_context, server_hostname, self._left()), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Pinned(httpcore.NetworkBackend):
    """Connects to the addresses that were resolved, whatever name the request holds."""

    def __init__(self, target: ResolvedTarget, deadline: float) -> None:
        self._target = target
        self._deadline = deadline
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Try each address in turn."""
        if (host.lower().strip("[]").rstrip("."), port) != (self._target.host, self._target.port):
            raise httpcore.ConnectError
        for address in self._target.addresses:
            left = max(self._deadline - time.monotonic(), 0.01)
            try:
                stream = self._plain.connect_tcp(address, port, left, local_address, socket_options)
                return _Bounded(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        raise httpcore.ConnectError


def fetch(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    trust: Trust | None = None,
    seconds: float = SECONDS,
) -> Reply:
    """Send one request to a URL that a tenant named and return its answer, a redirect included.

    Raises `Unprocessable`: `outbound.*` where the guard refuses, `connect.unreachable`, `connect.tls` with the reason
    that the certificate was not believed, `connect.protocol` for what is not HTTP.
    """
    target = check_url(url)
    backend = _Pinned(target, time.monotonic() + seconds)
    sent: dict[bytes | str, bytes | str] = {
        "Host": _authority(target),
        "User-Agent": "mlops-portal",
        "Accept-Encoding": "identity",
    }
    sent.update(dict(headers or {}))
    try:
        with (
            httpcore.ConnectionPool(
                ssl_context=(trust or Trust()).context(), network_backend=backend, retries=0
            ) as pool,
            pool.stream(
                method,
                url,
                headers=sent,
                content=body,
            ) as response,
        ):
            kept = bytearray()
            for piece in response.iter_stream():
                kept += piece[: LIMIT - len(kept)]
                if len(kept) >= LIMIT:
                    break
            found = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in response.headers}
            return Reply(response.status, found, bytes(kept))
    except (httpcore.ConnectError, httpcore.TimeoutException, httpcore.NetworkError) as error:
        raise _tls(target, error) or unreachable(target) from None
    except httpcore.ProtocolError:
        raise Unprocessable(
            "connect.protocol", _("%(host)s does not answer in HTTP.") % {"host": target.host}
        ) from None


def pour(
    host: str, port: int, payload: bytes, *, trust: Trust | None = None, seconds: float = SECONDS
) -> None:
    """Write bytes to a host that a tenant named, over TLS where `trust` is given, and see the other side close cleanly.

    A byte stream has no acknowledgement. What it has: after our half of the connection is closed, the other side
    closes its own in order (TLS: close_notify, RFC 8446 6.1), while a receiver that goes away with bytes it has not
    read resets the connection (RFC 1122 4.2.2.13). So a return means: the receiver's process has read everything; not
    that it has stored it.

    Raises `Unprocessable`: `outbound.*`, `connect.unreachable`, `connect.tls`, `connect.cut_off`.
    """
    target = check_host(host, port, in_clear=trust is None)
    deadline = time.monotonic() + seconds
    with open_socket(target, seconds) as plain:
        try:
            stream = trust.context().wrap_socket(plain, server_hostname=target.host) if trust else plain
            stream.settimeout(max(deadline - time.monotonic(), 0.01))
            stream.sendall(payload)
            _close_in_order(stream, deadline)
        except ssl.SSLCertVerificationError as error:
            raise untrusted(target.host, error.verify_message) from None
        except OSError as error:
            raise _tls(target, error) or _cut_off(target) from None


def _close_in_order(stream: socket.socket, deadline: float) -> None:
    """Close our half and wait for the other side's; raises `OSError` for a reset or where it does not come in time."""
    if isinstance(stream, ssl.SSLSocket):
        try:
            stream.unwrap()
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return  # the other side has closed without the closing alert, but not by a reset
        return
    stream.shutdown(socket.SHUT_WR)
    while True:
        stream.settimeout(max(deadline - time.monotonic(), 0.01))
        if not stream.recv(4096):
            return


def _cut_off(target: ResolvedTarget) -> Unprocessable:
    return Unprocessable(
        "connect.cut_off",
        _("%(host)s broke the connection off, or did not close it: what it has read is not known.")
        % {"host": target.host},
    )


def _authority(target: ResolvedTarget) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return host if target.port == {"https": 443, "http": 80}[target.scheme] else f"{host}:{target.port}"


def unreachable(target: ResolvedTarget) -> Unprocessable:
    """The answer for an address that does not answer."""
    return Unprocessable(
        "connect.unreachable",
        _("%(host)s does not answer on port %(port)d.") % {"host": target.host, "port": target.port},
    )


def _tls(target: ResolvedTarget, error: BaseException) -> PortalError | None:
    """The reason why TLS failed, where that is what failed. OpenSSL's own words name no secret."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return untrusted(target.host, seen.verify_message)
        if isinstance(seen, ssl.SSLError):
            return untrusted(target.host, (seen.reason or "").replace("_", " ").lower())
        seen = seen.__cause__ or seen.__context__
    return None


def untrusted(host: str, reason: str) -> Unprocessable:
    """The answer for a TLS connection that did not come about."""
    return Unprocessable(
        "connect.tls",
        _("No trusted connection to %(host)s: %(reason)s. Check the address and the certificate authority.")
        % {"host": host, "reason": reason or _("TLS failed")},
    )
