"""Targets of acme's log and of the platform's, and the steps of a worker."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from accounts import audit
from accounts.audit import Target
from accounts.audit.keys import key_file
from accounts.tenancy import scope
from projects.actions.forwarding import add_forward
from projects.forwarding import sweep
from projects.forwarding.turns import turn
from projects.models import AuditForward
from tests.audit.conftest import seal
from tests.cast import Cast
from tests.engines.fixtures import become
from tests.forwarding.receivers import WebReceiver

SECRET = "0123456789abcdef-siem"


@pytest.fixture(autouse=True)
def signing_key_of_the_test(settings: Any) -> Iterator[None]:
    """Each test's database starts without a key: so does its home. This machine may be called."""
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]
    for name in ("audit_key", "audit_key.next"):
        key_file().with_name(name).unlink(missing_ok=True)
    yield
    key_file().unlink(missing_ok=True)


@pytest.fixture
def web() -> Iterator[WebReceiver]:
    """A webhook's receiver."""
    found = WebReceiver()
    server = found.start()
    yield found
    server.shutdown()
    server.server_close()


def write(account_id: UUID, count: int, **detail: Any) -> None:
    """Put events with awkward content on an account's record, and seal them."""
    with audit.acting_as(audit.Actor("user", "u-1", '앨리스\t"B]\\'), via="api"), scope(account_id):
        for number in range(count):
            audit.record(
                "dataset.download", Target("dataset", str(number), f"웨이퍼\n{number}"), detail=detail
            )
    seal()


def webhook(cast: Cast, web: WebReceiver, name: str = "siem", **options: Any) -> AuditForward:
    """A target of acme's log."""
    with cast.inside("alice") as grant:
        made = add_forward(grant, name=name, kind="webhook", address=web.url, secret=SECRET, **options)
    seal()
    return made


def work(rounds: int = 1) -> int:
    """What a worker does when the sweep wakes it: every due target's turn; how many events were acknowledged."""
    sent = 0
    with become("system"):
        for _round in range(rounds):
            for lane in sweep.lanes():
                for kind, account_id, pk in lane:
                    sent += turn(kind, account_id, pk)
    return sent


def again(cast: Cast) -> None:
    """Let the time of every target's next try come."""
    with scope(cast.acme.account_id):
        AuditForward.objects.update(next_at=timezone.now(), lease_until=None)


def now(cast: Cast, pk: UUID) -> AuditForward:
    """A target as it is now."""
    with scope(cast.acme.account_id):
        found: AuditForward = AuditForward.objects.get(pk=pk)
    return found
