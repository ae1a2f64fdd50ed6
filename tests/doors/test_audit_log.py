"""The audit log only grows, whoever tries otherwise; and the doors leave nothing out of it."""

import json
from typing import Any

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction
from django.test import Client

from accounts import audit
from accounts.models import AuditEvent
from accounts.tenancy import ScopeError, scope
from projects.actions.members import add_member
from projects.tasks import ensure_audit_partitions
from tests.cast import Cast, events
from tests.engines.fixtures import CommittedDatabase, Engines

CHANGES = [
    "UPDATE {table} SET outcome = 'ok'",
    "DELETE FROM {table}",
    "TRUNCATE {table}",
]


def partitions(session: "psycopg.Connection[Any]") -> list[str]:
    found = session.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'portal.accounts_auditevent'::regclass"
    )
    return [row[0] for row in found.fetchall()]


@pytest.mark.parametrize("role", ["app", "system", "owner"])
@pytest.mark.parametrize("mode", ["origin", "replica"])
@pytest.mark.parametrize("change", CHANGES)
def test_nobody_changes_or_removes_a_record(
    committed_cast: Cast,
    committed_database: CommittedDatabase,
    engines: Engines,
    role: str,
    mode: str,
    change: str,
) -> None:
    with engines.postgres.connect(committed_database.name) as superuser:
        superuser.execute("SET search_path = portal")
        before = superuser.execute("SELECT count(*) FROM accounts_auditevent").fetchone()
        tables = ["accounts_auditevent", *partitions(superuser)]
        assert len(tables) >= 4, "this month, the next one, and the rest"
        superuser.execute(f"SET ROLE portal_{role}")  # type: ignore[arg-type]
        for table in tables:
            superuser.execute("RESET ROLE")
            superuser.execute(f"SET session_replication_role = {mode}")  # type: ignore[arg-type]
            superuser.execute(f"SET ROLE portal_{role}")  # type: ignore[arg-type]
            # The row security of an empty scope would hide every row, and no trigger would have to fire.
            superuser.execute("SELECT set_config('portal.account', %s, false)", [str(committed_cast.acme.pk)])
            if "TRUNCATE" not in change and role == "owner" and not _has_rows(superuser, table):
                continue
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                superuser.execute(change.format(table=table))  # type: ignore[arg-type]
        superuser.execute("RESET ROLE")
        after = superuser.execute("SELECT count(*) FROM accounts_auditevent").fetchone()
    assert before == after
    assert before is not None
    assert before[0] > 0


def _has_rows(session: "psycopg.Connection[Any]", table: str) -> bool:
    row = session.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[arg-type]
    return bool(row and row[0])


def test_the_models_refuse_first(cast: Cast) -> None:
    with scope(cast.acme.account_id):
        event = AuditEvent.objects.first()
        assert event is not None
        for act in (AuditEvent.objects.all().delete, lambda: AuditEvent.objects.update(outcome="ok")):
            with pytest.raises(ScopeError):
                act()
        with pytest.raises((ScopeError, ProgrammingError)), transaction.atomic():
            event.delete()
        event.outcome = "denied"
        with pytest.raises((ScopeError, ProgrammingError)), transaction.atomic():
            event.save()


def test_a_record_cannot_be_written_into_another_account(cast: Cast) -> None:
    with pytest.raises(ProgrammingError), scope(cast.acme.pk), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_auditevent SELECT gen_random_uuid(), now(), %s, 'user', '', 'x', '', 'a', '', '', '',"
            " 'ok', 'api', '', '', '', '{}'",
            [cast.globex.pk],
        )


def test_partitions_are_made_ahead_and_guarded(system_role: None) -> None:
    assert len(ensure_audit_partitions()) == 2
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_ensure_partition((current_date + interval '3 months')::date)")
        name = cursor.fetchone()[0]
        cursor.execute(
            "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = %s::regclass", [name]
        )
        assert cursor.fetchone()[0] is True
        cursor.execute(
            "SELECT count(*) FROM pg_trigger WHERE tgrelid = %s::regclass AND tgenabled = 'A' AND NOT tgisinternal",
            [name],
        )
        assert cursor.fetchone()[0] == 2


def test_an_event_without_an_actor_is_a_bug(cast: Cast) -> None:
    with pytest.raises(LookupError):
        audit.record("thing.done")


def test_a_change_and_its_record_stand_or_fall_together(cast: Cast) -> None:
    before = events(cast.acme.pk)

    def add_and_break() -> None:
        with cast.inside("alice") as grant:
            add_member(grant, "charlie", "viewer")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        add_and_break()
    assert events(cast.acme.pk) == before


def test_denied_and_failed_attempts_survive_their_rollback(cast: Cast) -> None:
    body = json.dumps({"username": "charlie", "role": "viewer"})
    cast.client("bob").post(f"{cast.url}/members", body, content_type="application/json")
    cast.client("alice").post(f"{cast.url}/members", "{}", content_type="application/json")
    found = events(cast.acme.pk)
    assert ("member.manage", "denied", "bob") in found
    assert ("member.manage", "failed", "alice") in found


def test_who_knocks_at_a_strange_project_is_on_the_platforms_record(cast: Cast) -> None:
    cast.client("charlie").get(cast.url)
    assert events(cast.acme.pk, actor_label="charlie") == [], "the tenant learns nothing of it"
    from accounts.tenancy import platform_scope

    with platform_scope("auditor"):
        event = AuditEvent.objects.get(action="project.enter")
        assert (event.outcome, event.actor_label, event.account_id) == ("denied", "charlie", None)


def test_an_event_says_from_where_and_on_whose_behalf(cast: Cast) -> None:
    bearer = cast.bearer("mia")
    Client().patch(
        cast.url,
        json.dumps({"description": "x"}),
        content_type="application/json",
        REMOTE_ADDR="192.0.2.7",
        HTTP_USER_AGENT="curl/8",
        HTTP_X_REQUEST_ID="request-42",
        **bearer,
    )
    with scope(cast.acme.pk):
        event = AuditEvent.objects.filter(action="project.update").get()
    assert (event.actor_kind, event.on_behalf_of, event.via) == ("token", "mia", "api")
    assert (event.ip, event.user_agent, event.request_id) == ("192.0.2.7", "curl/8", "request-42")


def test_reading_the_log_is_on_the_log(cast: Cast) -> None:
    since = "2020-01-01T00:00:00Z"
    page = cast.client("stella").get(f"{cast.url}/audit-events?since={since}&action=account.*").json()
    assert [event["action"] for event in page["results"]] == ["account.open"]
    with scope(cast.acme.pk):
        reading = AuditEvent.objects.get(action="audit.read")
    assert reading.detail["events"] == 1
    assert reading.detail["filters"]["action"] == "account.*"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("outcome=maybe", 400),
        ("since=yesterday", 400),
        ("who=bob", 400),
        ("since=2026-02-01&until=2026-01-01", 400),
    ],
)
def test_filters_that_make_no_sense_are_refused(cast: Cast, query: str, status: int) -> None:
    assert cast.client("stella").get(f"{cast.url}/audit-events?{query}").status_code == status


def test_filters_find_by_actor_target_and_outcome(cast: Cast) -> None:
    cast.client("bob").get(f"{cast.url}/credentials")
    client = cast.client("stella")
    for query in ("actor=bob", "outcome=denied", f"target=project:{cast.acme.pk}&outcome=denied"):
        found = client.get(f"{cast.url}/audit-events?{query}").json()["results"]
        assert [(event["action"], event["outcome"]) for event in found] == [("credential.read", "denied")]
    assert client.get(f"{cast.url}/audit-events?actor=nobody").json()["results"] == []
