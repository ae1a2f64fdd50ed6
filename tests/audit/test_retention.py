"""A month goes only as a whole, once it is old, and each log has sealed what it loses."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from accounts import audit
from accounts.audit import retention
from accounts.ids import uuid7
from accounts.models import AuditEvent
from accounts.tenancy import scope
from tests.audit.conftest import SealedLogs, seal
from tests.engines.fixtures import become


def an_old_month(logs: SealedLogs, years: int = 3) -> str:
    """Rows of acme and of the platform in a month long ago, sealed."""
    moment = datetime.now(UTC) - timedelta(days=365 * years)
    with become("system"), connection.cursor() as cursor:
        cursor.execute("SELECT audit_ensure_partition(%s::date)", [moment])
        name: str = cursor.fetchone()[0]

    def row(account_id: object, number: int) -> None:
        AuditEvent(
            id=uuid7(), at=moment, account_id=account_id, actor_kind="user", actor_label="old", action=f"old.{number}",
            outcome="ok", via="api",
        ).save(force_insert=True)  # fmt: skip

    for number in range(4):
        with scope(logs.acme):
            row(logs.acme, number)
    row(None, 1)
    seal()
    return name


def sweep(days: int = 730) -> list[str]:
    with become("system"), audit.acting_as(audit.SYSTEM, via="task"):
        return retention.sweep(days)


def months() -> list[str]:
    with become("system"), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM audit_months()")
        return [row[0] for row in cursor.fetchall()]


def test_an_old_month_is_announced_sealed_and_dropped(logs: SealedLogs) -> None:
    name = an_old_month(logs)
    assert sweep(days=3000) == [], "policy comes first"
    assert sweep() == []
    assert name in months(), "announced, not yet dropped"
    with scope(logs.acme):
        (event,) = AuditEvent.objects.filter(action="audit.dispose")
    assert event.detail["rows"] == 4
    assert sweep() == [], "the announcement is not sealed yet"
    seal()
    assert sweep() == [name]
    assert name not in months()
    seal()
    assert logs.findings() == [], "what is gone is what the record names"


def test_a_disposal_record_hides_nothing_else(logs: SealedLogs) -> None:
    name = an_old_month(logs)
    sweep()
    seal()
    assert sweep() == [name]
    with logs.tampering() as session:
        # A young row is deleted, and its leaf redated into the month that is gone.
        leaf = session.execute(
            "UPDATE accounts_auditleaf SET event_at = now() - interval '1095 days' WHERE log_id = %s AND index = 2"
            " RETURNING event_id",
            [logs.acme],
        ).fetchone()
        assert leaf is not None
        session.execute("DELETE FROM accounts_auditevent WHERE id = %s", [leaf[0]])
    assert "deleted" in logs.kinds()


def test_the_database_refuses_without_a_sealed_record(logs: SealedLogs) -> None:
    name = an_old_month(logs)
    young = months()[-1]
    with become("system"), connection.cursor() as cursor:
        for wanted, why in (
            (name, "without a sealed disposal record"),
            (young, "too young"),
            ("accounts_user", "no month"),
        ):
            with pytest.raises(DatabaseError, match=why), transaction.atomic():
                cursor.execute("SELECT audit_drop_partition(%s)", [wanted])
    with pytest.raises(DatabaseError, match="permission denied"), connection.cursor() as cursor:
        cursor.execute("SELECT audit_drop_partition(%s)", [name])


def test_the_policy_is_two_years_and_never_less_than_one() -> None:
    from django.conf import settings
    from pydantic import ValidationError

    from portal.environment import Environment

    assert settings.AUDIT_RETENTION_DAYS >= 730
    with pytest.raises(ValidationError):
        Environment(PORTAL_AUDIT_RETENTION=30)  # type: ignore[call-arg]
