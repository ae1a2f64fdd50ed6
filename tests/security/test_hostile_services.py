"""Model servers that answer without end, or with more than they seem to: on a real socket, by the real callers."""

import asyncio
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from clusters.local import health
from clusters.local.folders import folder_of
from clusters.models import Workload
from clusters.plans import SOCKET
from registry.endpoints.gateway import Answer, Invocations, _message

Reply = Callable[[socket.socket, threading.Event], None]


@pytest.fixture
def service() -> Iterator[Callable[[Reply], Workload]]:
    """Start a service that answers each connection by the function given."""
    over = threading.Event()
    listeners: list[socket.socket] = []

    def start(reply: Reply) -> Workload:
        workload = Workload(pk=uuid4())
        folder = folder_of(workload.pk) / "files"
        folder.mkdir(parents=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(folder / SOCKET))
        listener.listen()
        listeners.append(listener)

        def serve() -> None:
            try:
                while True:
                    connection, _address = listener.accept()
                    with connection:
                        connection.recv(65536)
                        reply(connection, over)
            except OSError:
                return  # the caller has gone, or the test is over

        threading.Thread(target=serve, daemon=True).start()
        return workload

    yield start
    over.set()
    for listener in listeners:
        listener.close()


def endless(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    while not over.is_set():
        connection.sendall(b"x" * 65536)


def dripping(connection: socket.socket, over: threading.Event) -> None:
    while not over.is_set():
        connection.sendall(b"H")
        over.wait(0.1)


def test_health_reads_no_answer_without_end(service: Callable[[Reply], Workload]) -> None:
    workload = service(endless)
    began = time.monotonic()
    assert health.ask(workload, "/health")
    assert time.monotonic() - began < 2


def test_health_waits_for_no_slow_answer(
    service: Callable[[Reply], Workload], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "TIMEOUT", 0.6)
    workload = service(dripping)
    began = time.monotonic()
    assert not health.ask(workload, "/health")
    assert time.monotonic() - began < 2


def test_health_believes_a_status_and_nothing_else(service: Callable[[Reply], Workload]) -> None:
    def says(text: bytes) -> bool:
        return health.ask(service(lambda connection, _over: connection.sendall(text)), "/health")

    assert says(b"HTTP/1.1 404 Not Found\r\n\r\n")
    assert not says(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
    assert not says(b"ready\r\n")
    assert not says(b"")


def test_a_small_answer_stays_small(service: Callable[[Reply], Workload]) -> None:
    packed = gzip.compress(bytes(100 << 20))

    def bomb(connection: socket.socket, _over: threading.Event) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
        connection.sendall(head.encode() + packed)

    answer = asyncio.run(Invocations._ask(service(bomb), b"{}", "application/json", "model"))
    assert answer.body == packed
    assert answer.headers["content-encoding"] == "gzip"


def test_a_refusal_is_read_only_where_it_is_short() -> None:
    assert _message(Answer(400, {}, b'{"message": "two  columns"}')) == "two columns"
    assert _message(Answer(400, {}, b"[" * 100_000)) == ""
    assert _message(Answer(400, {}, b'{"message": "' + b"x" * (1 << 20) + b'"}')) == ""
