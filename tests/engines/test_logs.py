"""Log lines are JSON, carry the request's id, and hold no secret."""

import io
import json
import logging
import logging.config

import pytest
import structlog
from django.conf import settings
from django.test import Client

from portal.logs import redact_text


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What goes to standard error, caught at the one handler that the settings configure."""
    stream = io.StringIO()
    handler = logging.getLogger().handlers[0]
    for candidate in logging.getLogger().handlers:
        if isinstance(candidate.formatter, structlog.stdlib.ProcessorFormatter):
            handler = candidate
    assert isinstance(handler, logging.StreamHandler)
    monkeypatch.setattr(handler, "stream", stream)
    return stream


@pytest.mark.parametrize(
    "text",
    [
        "token mlp_5ecretsecretsecret was used",
        "Authorization: Bearer 5ecretsecretsecret",
        "cannot reach postgresql://portal_app:5ecret@db/portal",
        "password=5ecret&next=/",
        '{"password": "5ecret"}',
        "-----BEGIN PRIVATE KEY-----\n5ecret\n-----END PRIVATE KEY-----",
    ],
)
def test_secrets_are_blacked_out_by_their_look(text: str) -> None:
    assert "5ecret" not in redact_text(text)


def test_secrets_are_blacked_out_by_their_name(lines: io.StringIO) -> None:
    structlog.get_logger("portal.test").warning(
        "sent", password="5ecret", headers={"Cookie": "5ecret"}, token_id="01890000", count=3
    )
    event = json.loads(lines.getvalue())
    assert "5ecret" not in lines.getvalue()
    assert event["token_id"] == "01890000"
    assert event["count"] == 3
    assert event["level"] == "warning"


def test_a_traceback_holds_no_secret(lines: io.StringIO) -> None:
    try:
        raise RuntimeError("connecting to redis://:5ecret@cache failed")
    except RuntimeError:
        logging.getLogger("portal.test").exception("no broker")
    event = json.loads(lines.getvalue())
    assert "RuntimeError" in event["exception"]
    assert "5ecret" not in lines.getvalue()


def test_a_request_has_one_line_with_its_id_and_its_route(client: Client, lines: io.StringIO) -> None:
    response = client.get("/api/schema/", headers={"X-Request-ID": "caller-chose-this-1"})
    assert response["X-Request-ID"] == "caller-chose-this-1"
    events = [json.loads(line) for line in lines.getvalue().splitlines()]
    (line,) = [event for event in events if event["event"] == "request"]
    assert line["request_id"] == "caller-chose-this-1"
    assert line["route"] == "api/schema/"
    assert line["status"] == 200


def test_a_hostile_request_id_is_replaced(client: Client) -> None:
    response = client.get("/api/schema/", headers={"X-Request-ID": 'x" onload="alert(1)'})
    assert response["X-Request-ID"].isalnum()


def test_logging_is_the_settings_own() -> None:
    assert settings.LOGGING["handlers"]["stderr"]["formatter"] == "json"
