"""Receivers over real sockets, which take, refuse, hang and break off as they are told."""

import json
import re
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# RFC 5424, 6: header, structured data, and a text that begins with a byte order mark.
MESSAGE = re.compile(
    rb"<(?P<pri>\d{1,3})>1 (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)) "
    rb"(?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<proc>[!-~]{1,128}) (?P<msgid>[!-~]{1,32}) "
    rb"\[(?P<sd>[^ =\]\"]{1,32})(?P<params>( [^ =\]\"]{1,32}=\"([^\"\\\]]|\\[\"\\\]])*\")*)\] "
    rb"\xef\xbb\xbf(?P<text>[^\x00-\x1f]*)"
)


@dataclass
class WebReceiver:
    """Keeps what it is posted. `answers`: statuses of the next answers, then 204; a callable is called instead."""

    url: str = ""
    batches: list[list[dict[str, Any]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    answers: list[int | Callable[[], int]] = field(default_factory=list)
    asked: int = 0

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events that were acknowledged, repeated ones too."""
        return [event for batch in self.batches for event in batch]

    def indexes(self, log: str = "") -> list[int]:
        """The indexes of the log's entries, in the order of their coming."""
        data = [event["data"] for event in self.events]
        return [one["index"] for one in data if "index" in one and log in ("", one["log"])]

    def start(self) -> ThreadingHTTPServer:
        """Serve on a free port."""
        found = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the standard library's name
                body = self.rfile.read(int(self.headers["content-length"]))
                found.asked += 1
                answer = found.answers.pop(0) if found.answers else 204
                status = answer() if callable(answer) else answer
                if status == 0:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                if 200 <= status < 300:
                    found.batches.append(json.loads(body))
                    found.bodies.append(body)
                    found.headers.append({name.lower(): value for name, value in self.headers.items()})
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}/siem"
        return server


@dataclass
class SyslogReceiver:
    """A syslog server over TCP or TLS that takes nothing but what the RFCs allow. `plan`: what it does with the next
    connections: "take" (what it does after these), "slow", "reset" before reading, "half" then reset, "hang".
    """

    context: ssl.SSLContext | None = None
    port: int = 0
    messages: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    plan: list[str] = field(default_factory=list)
    connections: int = 0
    _socket: socket.socket | None = None

    def start(self, port: int = 0) -> None:
        """Listen, on a free port unless told."""
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        assert self._socket is not None
        self._socket.shutdown(socket.SHUT_RDWR)  # closing alone would leave a thread in accept() listening
        self._socket.close()

    def _serve(self) -> None:
        assert self._socket is not None
        while True:
            try:
                plain, _peer = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._connection, args=[plain], daemon=True).start()

    def _connection(self, plain: socket.socket) -> None:
        self.connections += 1
        what = self.plan.pop(0) if self.plan else "take"
        try:
            stream = self.context.wrap_socket(plain, server_side=True) if self.context else plain
        except OSError as error:
            self.errors.append(f"handshake: {type(error).__name__}")
            plain.close()
            return
        if what == "hang":
            threading.Event().wait(20)
        if what in ("reset", "half"):
            if what == "half":
                stream.recv(100)
            plain_fd = stream.detach() if isinstance(stream, ssl.SSLSocket) else plain.detach()
            raw = socket.socket(fileno=plain_fd)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            raw.close()
            return
        if what == "slow":
            threading.Event().wait(0.4)
        received = bytearray()
        while piece := stream.recv(65536):
            received += piece
        self._take(bytes(received))
        if isinstance(stream, ssl.SSLSocket):
            stream.unwrap()
        stream.close()

    def _take(self, received: bytes) -> None:
        """Read octet-counted frames (RFC 6587 3.4.1)."""
        while received:
            length, found, rest = received.partition(b" ")
            if not found or not re.fullmatch(rb"[1-9]\d*", length) or len(rest) < int(length):
                self.errors.append(f"bad frame: {received[:60]!r}")
                return
            message, received = rest[: int(length)], rest[int(length) :]
            read = MESSAGE.fullmatch(message)
            if read is None:
                self.errors.append(f"bad message: {message[:300]!r}")
                continue
            pairs = re.findall(r' ([^ =\]"]+)="((?:[^"\\\]]|\\["\\\]])*)"', read["params"].decode())
            self.messages.append(
                {name: read[name].decode() for name in ("pri", "time", "host", "app", "msgid", "sd")}
                | {"named": dict(pairs), "data": json.loads(read["text"])}
            )
