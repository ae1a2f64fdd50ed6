"""The web's database role makes the first version of a key, seals under keys, and can change none of them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from accounts.audit import SYSTEM, acting_as
from accounts.crypto import Place, pepper, seal, unseal
from accounts.crypto.keys import create_key
from accounts.models import Account, AccountKey, PlatformKey
from accounts.rotation import advance, begin, rotate_key, shred
from accounts.tenancy import scope
from tests.crypto.conftest import an_account
from tests.engines.fixtures import CommittedDatabase, become

AsRole = Callable[[str], AbstractContextManager[None]]
TABLES = ("accounts_accountkey", "accounts_platformkey")
COLUMNS = ("wrapped", "state", "version", "root", "retired_at", "destroyed_at", "sealed_values")


def refused(statement: str, *values: Any) -> str:
    """The SQLSTATE that PostgreSQL answers a statement with; fails where it is done."""
    with pytest.raises(DatabaseError) as error, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values or None)
    return str(getattr(error.value.__cause__, "sqlstate", ""))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("column", COLUMNS)
def test_no_column_that_says_anything_of_a_key_can_be_changed(
    account: Account, table: str, column: str
) -> None:
    with scope(account.pk):
        assert refused(f"UPDATE {table} SET {column} = {column}") == "42501"


@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("table", [*TABLES, "accounts_keyrotation"])
def test_no_row_of_them_can_be_taken_away(account: Account, statement: str, table: str) -> None:
    with scope(account.pk):
        assert refused(statement.format(table)) == "42501"


def test_a_rotation_is_asked_for_by_the_web_and_nothing_said_of_it(account: Account) -> None:
    with acting_as(SYSTEM, via="test"):
        begin("accounts", reason="a test")
    assert refused("UPDATE accounts_keyrotation SET state = 'succeeded'") == "42501"


def test_a_second_version_is_not_the_webs_to_make(account: Account) -> None:
    with scope(account.pk), pytest.raises(DatabaseError, match="first version"), transaction.atomic():
        AccountKey(version=2, wrapped=b"mine", root="x", state="retired").save(force_insert=True)
    pepper.peppered("mlp_")
    with pytest.raises(DatabaseError, match="first version"), transaction.atomic():
        PlatformKey(version=2, wrapped=b"mine", root="x", state="retired").save(force_insert=True)
    with scope(account.pk), pytest.raises(DatabaseError), transaction.atomic():
        create_key(account.pk)


def test_what_the_web_needs_it_can_do(account: Account) -> None:
    place = Place(account.pk, "accounts.Credential", account.pk, "secret")
    with scope(account.pk):
        sealed = seal(b"s3cr3t", place)
        assert unseal(sealed, place) == b"s3cr3t"
        assert AccountKey.objects.get().state == "active"
    another = an_account("Second")
    with scope(another.pk):
        assert AccountKey.objects.get().version == 1
    version, digest = pepper.peppered("mlp_x")
    assert pepper.matches("mlp_x", version, digest)


def test_the_workers_rotate_and_destroy_as_before(account: Account, as_role: AsRole) -> None:
    with as_role("system"), acting_as(SYSTEM, via="test"):
        begin("accounts", reason="a test", only=account.pk)
        rotation = advance()
        assert rotation is not None
        assert (rotation.state, rotation.error) == ("succeeded", "")
        with scope(account.pk):
            assert AccountKey.objects.get(state="active").version == 2
            Account.objects.update(state="suspended")
        assert 2 in shred(account.pk, confirm="x", slug="x", reason="a test").versions


def test_the_migration_goes_back_and_forth_on_a_live_database(committed_database: CommittedDatabase) -> None:
    account = an_account("Etch")
    with become("owner"):
        call_command("migrate", "accounts", "0013", verbosity=0, interactive=False)
        call_command("migrate", "accounts", verbosity=0, interactive=False)
    with scope(account.pk):
        assert refused("UPDATE accounts_accountkey SET wrapped = wrapped") == "42501"
    with become("system"), acting_as(SYSTEM, via="test"), scope(account.pk):
        created = AccountKey.objects.get().created_at
    with become("system"), acting_as(SYSTEM, via="test"):
        assert rotate_key(account.pk, since=created.replace(year=created.year + 1)) == 2
