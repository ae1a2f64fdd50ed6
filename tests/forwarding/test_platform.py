"""The platform's targets: its own log, or every one; each log with a cursor of its own."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts import audit
from projects.actions.forwarding import add_platform_forward
from projects.models import PlatformForward, PlatformForwardCursor
from tests.audit.conftest import seal
from tests.cast import Cast
from tests.engines.fixtures import become
from tests.forwarding.conftest import SECRET, webhook, work, write
from tests.forwarding.receivers import WebReceiver


def target(web: WebReceiver, **options: Any) -> PlatformForward:
    """A target of the platform."""
    with audit.acting_as(audit.Actor("user", "u-0", "root"), via="api"):
        made = add_platform_forward(
            "root", name=options.pop("name", "soc"), kind="webhook", address=web.url, secret=SECRET, **options
        )
    seal()
    return made


def logs_of(web: WebReceiver) -> dict[str, list[int]]:
    """The indexes that came, by log."""
    return {log: web.indexes(log) for log in {event["data"]["log"] for event in web.events}}


def test_the_platforms_own_log_and_nothing_of_a_tenant(committed_cast: Cast, web: WebReceiver) -> None:
    write(committed_cast.acme.account_id, 3)
    target(web, begin="beginning")
    work(3)
    assert set(logs_of(web)) == {"platform"}
    assert web.indexes() == list(range(len(web.events)))
    assert "audit.forward.add" in {event["data"]["row"]["action"] for event in web.events}


def test_every_log_in_its_own_order_with_cursors_that_move_on_acknowledgement(
    committed_cast: Cast, web: WebReceiver
) -> None:
    cast = committed_cast
    made = target(web, begin="beginning", every_log=True)
    write(cast.acme.account_id, 230)
    write(cast.globex.account_id, 7)
    work()
    web.answers += [500]
    write(cast.globex.account_id, 5)
    work()
    with become("system"):
        PlatformForward.objects.update(next_at=timezone.now())
    work(2)
    found = logs_of(web)
    assert set(found) == {"platform", str(cast.acme.account_id), str(cast.globex.account_id)}
    for log, indexes in found.items():
        assert indexes == list(range(len(indexes))), log
    assert len(found[str(cast.globex.account_id)]) >= 12
    cursors = {row.log_id: row.next_index for row in PlatformForwardCursor.objects.filter(forward=made)}
    assert cursors[cast.acme.account_id] == len(found[str(cast.acme.account_id)])
    row = PlatformForward.objects.get()
    work()
    row.refresh_from_db()
    assert (row.waiting, row.oldest_at, row.failures) == (0, None, 0)


def test_from_now_on_begins_where_each_log_ended(committed_cast: Cast, web: WebReceiver) -> None:
    cast = committed_cast
    write(cast.acme.account_id, 9)
    web.answers += [500]
    target(web, every_log=True)
    write(cast.acme.account_id, 2)
    work(2)
    row = PlatformForward.objects.get()
    assert row.waiting > 0, "its page says how much waits"
    assert row.oldest_at is not None
    with become("system"):
        PlatformForward.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    work()
    actions = {e["data"]["log"]: e["data"]["row"]["action"] for e in web.events}
    of_acme = [e for e in web.events if e["data"]["log"] == str(cast.acme.account_id)]
    assert [e["data"]["row"]["action"] for e in of_acme] == ["dataset.download"] * 2
    assert actions["platform"] == "audit.forward.add"


def test_a_projects_target_and_the_platforms_do_not_mix(committed_cast: Cast, web: WebReceiver) -> None:
    cast = committed_cast
    other = WebReceiver()
    server = other.start()
    target(other, begin="beginning", every_log=True)
    webhook(cast, web, begin="beginning")
    write(cast.globex.account_id, 4)
    work(3)
    assert set(logs_of(web)) == {str(cast.acme.account_id)}
    assert len(logs_of(other)) == 3
    server.shutdown()
    server.server_close()
