"""Reads share commits, and none is answered before its record is committed."""

import threading
import time
from typing import Any
from uuid import UUID

import pytest

from accounts import audit
from accounts.audit import Target
from accounts.audit.batch import Recent, Writer, recent, record_read
from accounts.errors import Unavailable
from accounts.models import AuditEvent
from accounts.tenancy import scope
from tests.cast import Cast
from tests.engines.fixtures import CommittedDatabase, Engines

ALICE = audit.Actor("user", "1", "alice")


def read(account_id: UUID, path: str, **options: Any) -> None:
    with audit.acting_as(ALICE, via="api"):
        record_read(
            "dataset.read", account_id, Target("project", str(account_id), "acme"), path=path, **options
        )


def reads_of(account_id: UUID) -> list[str]:
    with scope(account_id):
        rows = AuditEvent.objects.filter(account_id=account_id, detail__has_key="path")
        return sorted(rows.values_list("detail__path", flat=True))


@pytest.fixture(autouse=True)
def nothing_read_lately() -> None:
    recent.clear()


def test_a_read_that_was_answered_is_recorded(committed_cast: Cast) -> None:
    assert committed_cast.client("bob").get(f"{committed_cast.url}/datasets").status_code == 200
    assert reads_of(committed_cast.acme.pk) == [f"{committed_cast.url}/datasets"]
    page = f"/projects/{committed_cast.acme.slug}/datasets/"
    assert committed_cast.client("bob").get(page).status_code == 200
    with scope(committed_cast.acme.pk):
        event = AuditEvent.objects.get(detail__path=page)
    assert (event.action, event.actor_label, event.via, event.outcome) == (
        "dataset.read",
        "bob",
        "page",
        "ok",
    )


def test_many_reads_share_few_commits(
    committed_cast: Cast, committed_database: CommittedDatabase, engines: Engines
) -> None:
    """Across two tenants at once: each row in its own log, several rows to a transaction."""
    places = [committed_cast.acme.pk, committed_cast.globex.pk]
    threads = [
        threading.Thread(target=read, args=[places[number % 2], f"/{number:03d}"]) for number in range(200)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for place, account_id in enumerate(places):
        assert reads_of(account_id) == [f"/{number:03d}" for number in range(200) if number % 2 == place]
    with engines.postgres.connect(committed_database.name) as session:
        found = session.execute(
            "SELECT count(DISTINCT xmin::text) FROM portal.accounts_auditevent WHERE detail ? 'path'"
        ).fetchone()
    assert found is not None
    assert found[0] < 200


def test_a_refresh_counts_once_a_minute(committed_cast: Cast) -> None:
    account_id = committed_cast.acme.pk
    for _turn in range(3):
        read(account_id, "/live", refresh=True)
    read(account_id, "/live")
    assert reads_of(account_id) == ["/live", "/live"]
    client = committed_cast.client("bob")
    for _turn in range(2):
        client.get(f"/projects/{committed_cast.acme.slug}/activity/menu/", HTTP_HX_REQUEST="true")
    assert len(reads_of(account_id)) == 3


def test_a_locked_log_refuses_in_bounded_time(
    committed_cast: Cast, committed_database: CommittedDatabase, engines: Engines
) -> None:
    account_id = committed_cast.acme.pk
    read(account_id, "/before", refresh=True)
    with engines.postgres.connect(committed_database.name) as session, session.transaction():
        session.execute("LOCK TABLE portal.accounts_auditevent IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        with pytest.raises(Unavailable):
            read(account_id, "/locked")
        assert time.monotonic() - started < 7
        assert committed_cast.client("bob").get(f"{committed_cast.url}/datasets").status_code == 503
        with pytest.raises(Unavailable):
            read(account_id, "/before", refresh=True)
    read(account_id, "/after")
    assert reads_of(account_id) == ["/after", "/before"]


def test_a_lost_connection_is_replaced_and_nothing_recorded_twice(
    committed_cast: Cast, committed_database: CommittedDatabase, engines: Engines
) -> None:
    account_id = committed_cast.acme.pk
    read(account_id, "/1")
    with engines.postgres.connect(committed_database.name) as session:
        session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'portal-audit'"
        )
    read(account_id, "/2")
    assert reads_of(account_id) == ["/1", "/2"]


def test_a_full_buffer_refuses_at_once(
    committed_cast: Cast,
    committed_database: CommittedDatabase,
    engines: Engines,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import accounts.audit.batch as batch

    small = Writer(limit=3)
    monkeypatch.setattr(batch, "writer", small)
    account_id = committed_cast.acme.pk
    answers: list[str] = []

    def one(number: int) -> None:
        started = time.monotonic()
        try:
            read(account_id, f"/{number}")
        except Unavailable:
            answers.append("refused at once" if time.monotonic() - started < 0.5 else "refused")
        else:
            answers.append("recorded")

    with engines.postgres.connect(committed_database.name) as session, session.transaction():
        session.execute("LOCK TABLE portal.accounts_auditevent IN ACCESS EXCLUSIVE MODE")
        threads = [threading.Thread(target=one, args=[number]) for number in range(20)]
        for thread in threads:
            thread.start()
            time.sleep(0.02)
        for thread in threads:
            thread.join()
    assert "recorded" not in answers
    assert answers.count("refused at once") >= 10
    assert reads_of(account_id) == []


def test_what_no_text_may_hold_spoils_nobodys_record(committed_cast: Cast) -> None:
    read(committed_cast.acme.pk, "/a\x00b")
    assert reads_of(committed_cast.acme.pk) == ["/a\ufffdb"]


def test_the_memory_of_refreshes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.audit.batch._REMEMBERED", 3)
    seen = Recent()
    for number in range(10):
        seen.add((str(number),))
    assert [number for number in range(10) if (str(number),) in seen] == [7, 8, 9]


def test_nobody_reads_without_a_name(committed_cast: Cast) -> None:
    with pytest.raises(LookupError):
        record_read("x", committed_cast.acme.pk, Target("", "", ""), path="/")
