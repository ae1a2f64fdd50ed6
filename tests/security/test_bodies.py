"""Endless bodies: refused in front of Django, which would spool them to disk from anybody."""

import asyncio
import tempfile
from collections.abc import MutableMapping
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings

from portal.asgi import application
from tests.engines.fixtures import CommittedDatabase

PIECE = b" " * 65536


async def _post(path: str, pieces: int, headers: dict[str, str]) -> tuple[int, int]:
    """Status of a POST whose body comes in `pieces`, and how many of them were taken."""
    sent: list[MutableMapping[str, Any]] = []
    taken = 0
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 4242),
    }

    async def receive() -> MutableMapping[str, Any]:
        nonlocal taken
        if taken >= pieces:
            await asyncio.Event().wait()  # as a client that waits for its answer
        taken += 1
        return {"type": "http.request", "body": PIECE, "more_body": taken < pieces}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await application(scope, receive, send)
    return sent[0]["status"], taken


def post(path: str, pieces: int, **headers: str) -> tuple[int, int]:
    return async_to_sync(_post)(
        path, pieces, {name.replace("_", "-"): text for name, text in headers.items()}
    )


@pytest.mark.parametrize("path", ["/sign-in/", "/api/v1/me", "/nowhere"])
def test_a_stranger_cannot_fill_the_disk(committed_database: CommittedDatabase, path: str) -> None:
    allowed = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // len(PIECE)
    status, taken = post(path, allowed + 1000, host="127.0.0.1", content_type="application/json")
    assert status == 413
    assert taken == allowed + 1


def test_an_announced_size_is_refused_unread(committed_database: CommittedDatabase) -> None:
    for length in (str(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1), "9" * 5000):
        assert post("/api/v1/me", 5, host="127.0.0.1", content_length=length) == (413, 0)


def test_what_fits_reaches_django(
    committed_database: CommittedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    spooled: list[int] = []
    real = tempfile.SpooledTemporaryFile

    class Watched(real):  # type: ignore[misc, valid-type]
        def write(self, data: bytes) -> int:
            spooled.append(len(data))
            return int(super().write(data))

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", Watched)
    status, taken = post("/api/v1/me", 3, host="127.0.0.1", content_type="application/json")
    assert (status, taken) == (401, 3)
    assert sum(spooled) == 3 * len(PIECE)
