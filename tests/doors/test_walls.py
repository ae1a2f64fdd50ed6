"""Each wall alone, with the other two taken away; and the scope they all hang on."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.db.models import Count

from accounts.ids import uuid7
from accounts.models import Account, AccountKey, AuditEvent, Credential
from accounts.tenancy import ScopeError, current_account, personal_scope, platform_scope, scope
from projects.models import Membership, Operation, OperationLog, Project, Token
from tests.cast import Cast

AsRole = Callable[[str], AbstractContextManager[None]]
WALLED = [Account, AccountKey, Credential, Project, Membership, Token, Operation, OperationLog]


def raw(sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


def set_account(value: object) -> None:
    raw("SELECT set_config('portal.account', %s, true)", [str(value)])


@contextmanager
def at_account(value: object) -> Iterator[None]:
    """What a scope tells PostgreSQL, without what it tells Python."""
    with transaction.atomic():
        set_account(value)
        yield


# The second wall alone: no Python guard, plain SQL.


@pytest.mark.parametrize("model", WALLED)
@pytest.mark.parametrize("role", ["app", "system"])
def test_postgresql_alone_shows_no_row_without_an_account(
    cast: Cast, as_role: AsRole, model: Any, role: str
) -> None:
    cast.token("alice")
    with as_role(role):
        count = raw(f"SELECT count(*) FROM {model._meta.db_table}")[0][0]
    # Wrapped keys are read across accounts to rotate the root; they open nothing without it.
    expected = {"system": {Account: 2, AccountKey: 2, Project: 2}}.get(role, {}).get(model, 0)
    assert count == expected, (
        "the system role reads accounts, projects and operations across accounts, nothing else"
    )


@pytest.mark.parametrize("model", [Membership, Token, AccountKey])
def test_postgresql_alone_shows_one_accounts_rows_to_that_account(cast: Cast, model: Any) -> None:
    cast.token("alice")
    cast.token("charlie", project=cast.globex)
    for account in (cast.acme.pk, cast.globex.pk):
        with transaction.atomic():
            set_account(account)
            owners = {row[0] for row in raw(f"SELECT account_id FROM {model._meta.db_table}")}
            assert owners == {account}
            set_account("")


def test_postgresql_alone_refuses_to_write_into_another_account(cast: Cast) -> None:
    statements = [
        "INSERT INTO projects_membership (id, account_id, user_id, role, created_at)"
        " VALUES (%s, %s, %s, 'owner', now())",
        "UPDATE projects_membership SET account_id = %s WHERE account_id = %s",
        "UPDATE projects_project SET name = 'stolen' WHERE account_id = %s",
        "DELETE FROM projects_membership WHERE account_id = %s",
    ]
    forbidden = [
        (statements[0], [uuid7(), cast.globex.pk, cast.bob.pk]),
        (statements[1], [cast.globex.pk, cast.acme.pk]),
    ]
    for statement, parameters in forbidden:
        with pytest.raises(ProgrammingError, match="row-level security"), at_account(cast.acme.pk):
            raw(statement, parameters)
    with transaction.atomic():
        set_account(cast.acme.pk)
        raw(statements[2], [cast.globex.pk])
        raw(statements[3], [cast.globex.pk])
        set_account("")
    with scope(cast.globex.pk):
        assert Project.objects.get().name == "Globex"
        assert Membership.objects.count() == 1


def test_a_foreign_parent_is_a_missing_parent(cast: Cast) -> None:
    def piece(operation_id: Any) -> str:
        with pytest.raises(IntegrityError) as caught, at_account(cast.acme.pk):
            raw(
                "SET CONSTRAINTS ALL IMMEDIATE;"
                "INSERT INTO projects_operationlog (id, account_id, operation_id, seq, at, sealed)"
                f" VALUES ('{uuid7()}', '{cast.acme.pk}', '{operation_id}', 1, now(), '')"
            )
        return str(caught.value).replace(str(operation_id), "?")

    from accounts.audit import Target
    from projects.operations import submit

    with cast.inside("charlie", cast.globex) as grant:
        theirs = submit(
            "test.x", target=Target("t", "1", "t"), payload={}, grant=grant, permission="project.read"
        )
    assert piece(theirs.pk) == piece(uuid4())


# The first wall alone: the owner role sees every row, so that nothing but Python stands in the way.


READS: list[Callable[[Any], Any]] = [
    lambda rows: list(rows.all()),
    lambda rows: rows.first(),
    lambda rows: rows.get(pk=uuid4()),
    lambda rows: rows.count(),
    lambda rows: rows.exists(),
    lambda rows: rows.aggregate(Count("pk")),
    lambda rows: list(rows.values_list("pk")),
    lambda rows: list(rows.iterator()),
    lambda rows: rows.in_bulk(),
    lambda rows: list(rows.raw("SELECT * FROM projects_membership")),
    lambda rows: rows.earliest("created_at"),
    lambda rows: rows.contains(Membership(pk=uuid4())),
    lambda rows: rows.explain(),
    lambda rows: bool(rows.all()),
    lambda rows: rows.all()[0],
    lambda rows: list(rows.none() | rows.all()),
    lambda rows: list(rows.dates("created_at", "day")),
    lambda rows: rows.update(role="owner"),
    lambda rows: rows.delete(),
    lambda rows: rows.create(role="owner"),
    lambda rows: rows.get_or_create(role="owner"),
    lambda rows: rows.update_or_create(role="owner"),
    lambda rows: rows.bulk_create([Membership(role="owner")]),
    lambda rows: rows.bulk_update([Membership(pk=uuid4(), role="owner")], ["role"]),
]


@pytest.mark.parametrize("read", READS, ids=range(len(READS)))
def test_python_alone_refuses_every_form_of_query_without_a_scope(
    cast: Cast, as_role: AsRole, read: Callable[[Any], Any]
) -> None:
    with as_role("owner"):
        assert raw("SELECT count(*) FROM projects_membership")[0][0] > 1, "PostgreSQL would show it"
        with pytest.raises(ScopeError):
            read(Membership.objects.get_queryset())


def test_python_alone_refuses_saving_what_belongs_to_another_account(cast: Cast, as_role: AsRole) -> None:
    with scope(cast.globex.pk):
        theirs = Membership.objects.get()
    with as_role("owner"), scope(cast.acme.pk):
        for act in (theirs.save, theirs.delete, lambda: Membership.objects.bulk_create([theirs])):
            with pytest.raises(ScopeError):
                act()


def test_a_queryset_does_not_outlive_its_scope(cast: Cast) -> None:
    with scope(cast.acme.pk):
        lazy, running = Membership.objects.all(), Membership.objects.iterator()
        next(running)
    with pytest.raises(ScopeError):
        list(lazy)
    with pytest.raises(ScopeError):
        list(running)


def test_unscoped_reads_are_for_the_systems_processes(cast: Cast, as_role: AsRole) -> None:
    with pytest.raises(ScopeError):
        Operation.objects.get_queryset().unscoped()
    with as_role("system"), pytest.raises(ScopeError):
        Operation.objects.get_queryset().unscoped().update(state="failed")


def test_personal_and_platform_scopes_show_what_they_are_for_and_no_more(cast: Cast) -> None:
    with personal_scope(cast.bob.pk):
        assert {m.account_id for m in Membership.objects.all()} == {cast.acme.pk}
        assert Membership.objects.count() == 1, "one's own memberships, not one's colleagues'"
        with pytest.raises(ScopeError):
            Token.objects.count()
    with platform_scope("admin"):
        assert Account.objects.count() == 2
        assert AuditEvent.objects.count() == 0, "an admin reads no tenant's record"
        with pytest.raises(ScopeError):
            Membership.objects.count()
    with platform_scope("auditor"):
        assert AuditEvent.objects.filter(account_id=cast.globex.pk).exists()


# The scope.


def setting() -> str:
    return str(raw("SELECT coalesce(current_setting('portal.account', true), '')")[0][0])


def test_a_scope_leaves_nothing_behind_in_the_transaction_around_it(cast: Cast) -> None:
    with transaction.atomic():
        with scope(cast.acme.pk):
            assert setting() == str(cast.acme.pk)
            with scope(cast.acme.pk):
                assert current_account() == cast.acme.pk
            assert setting() == str(cast.acme.pk)
        assert setting() == ""
        assert current_account() is None


def test_a_scope_restores_after_an_inner_savepoint_has_rolled_back(cast: Cast) -> None:
    with scope(cast.acme.pk):
        with pytest.raises(IntegrityError), transaction.atomic(), scope(cast.acme.pk):
            raw(
                "INSERT INTO projects_membership (id, account_id, user_id, role, created_at)"
                " VALUES (%s, %s, %s, 'A King', now())",
                [uuid7(), cast.acme.pk, cast.charlie.pk],
            )
        assert setting() == str(cast.acme.pk)
        assert Membership.objects.count() == 6
    with pytest.raises(ZeroDivisionError), transaction.atomic(), scope(cast.acme.pk):
        raise ZeroDivisionError
    assert (setting(), current_account()) == ("", None)


def test_a_second_account_is_refused(cast: Cast) -> None:
    for other in (scope(cast.globex.pk), personal_scope(cast.bob.pk), platform_scope("auditor")):
        with scope(cast.acme.pk), pytest.raises(ScopeError), other:
            pass


def test_the_connection_is_clean_for_the_next_request(committed_cast: Cast) -> None:
    with scope(committed_cast.acme.pk):
        assert Membership.objects.count() == 6
    assert setting() == ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM projects_membership")
        assert cursor.fetchone()[0] == 0
