"""Retention waits for no target: what it took before it was forwarded leaves as its leaf alone, on record."""

from accounts.models import AuditEvent
from accounts.tenancy import scope
from tests.audit.conftest import SealedLogs, logs, seal
from tests.audit.test_retention import an_old_month, sweep
from tests.forwarding.conftest import now, webhook, work
from tests.forwarding.receivers import WebReceiver

__all__ = ["logs"]


def test_rows_that_retention_took_first_leave_as_leaves_and_nothing_is_skipped(
    logs: SealedLogs, web: WebReceiver
) -> None:
    made = webhook(logs.cast, web, begin="beginning")
    month = an_old_month(logs)
    sweep()
    seal()
    assert sweep() == [month], "a target that lags blocks no disposal"
    work(2)
    assert web.indexes() == list(range(now(logs.cast, made.pk).next_index)), "no index is missing"
    gone = [event for event in web.events if event["data"].get("disposed")]
    assert len(gone) == 4
    for event in gone:
        assert event["type"] == "mlops-portal.audit.row.disposed"
        assert event["id"] == event["data"]["event"]
        assert len(event["data"]["leaf"]) == 64
        assert event["data"]["disposed"] == month
        assert "row" not in event["data"]
    with scope(logs.acme):
        (record,) = AuditEvent.objects.filter(action="audit.forward.gap")
    assert record.detail["rows"] == 4
    assert record.detail["months"] == [month]
    assert (record.detail["first"], record.detail["last"]) == (
        gone[0]["data"]["index"],
        gone[-1]["data"]["index"],
    )
