"""A mail server and a webhook's receiver of these tests' own, over real sockets; and steps of operations."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default as modern
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller


@dataclass
class Post:
    """What a receiver was sent."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Mailbox:
    """What arrived; `answers` are replies to give before accepting, first in first out."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # aiosmtpd's name
        if self.answers:
            return self.answers.pop(0)
        message = BytesParser(policy=modern).parsebytes(envelope.original_content or envelope.content)
        assert isinstance(message, EmailMessage)
        self.letters.append(message)
        return "250 OK"


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    """A mail server that this process sends to."""
    found = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found.port = probe.getsockname()[1]
    controller = Controller(found, hostname="127.0.0.1", port=found.port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_ON, settings.EMAIL_HOST, settings.EMAIL_PORT = True, "127.0.0.1", found.port
    yield found
    controller.stop()


@dataclass
class Receiver:
    """An HTTP server that keeps what it is posted; `answers` are its next statuses, then 204."""

    url: str = ""
    posts: list[Post] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """A receiver on this machine, which the guarded connector is told to let through."""
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the standard library's name
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.posts.append(Post(self.path, headers, body))
            status = found.answers.pop(0) if found.answers else 204
            self.send_response(status)
            if status == 302:
                self.send_header("location", "http://127.0.0.1:1/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    yield found
    server.shutdown()
    server.server_close()
