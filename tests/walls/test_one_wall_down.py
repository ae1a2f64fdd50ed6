"""Each wall taken away in turn: the other two still keep the accounts apart, in every table that belongs to a tenant.

Wall 1 (Python's managers) down: Django's own querysets. Wall 2 (row level security) down: a role that sees every row.
Wall 3 (the doors) down: actions and look-ups called directly with ids of the other account.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import ProgrammingError, transaction

from accounts.errors import NotFound, PortalError
from accounts.ids import uuid7
from accounts.models import Account, TrustLink
from accounts.tenancy import ScopeError, scope
from projects.models import Project
from tests.cast import Cast
from tests.walls.world import column_of, sql, tenant_models, unguarded

AsRole = Callable[[str], AbstractContextManager[None]]
MODELS = tenant_models()
# Tables of things that only come about in MLflow, on a cluster, or over time: their rows are made in their own tests.
EMPTY_HERE = {
    "accounts_credentialtest",
    "accounts_disposal",
    "clusters_placement",
    "clusters_workload",
    "clusters_workloadlog",
    "projects_noticedelivery",
    "registry_fileprofile",
    "registry_revision",
}


def _label(model: Any) -> str:
    return str(model._meta.label)


def _theirs(as_role: AsRole, model: Any, cast: Cast) -> list[Any]:
    """Primary keys of the other account's rows, as the owner sees them."""
    with as_role("owner"):
        table, key = model._meta.db_table, model._meta.pk.column
        where = f"{column_of(model)} = %s"
        return [row[0] for row in sql(f"SELECT {key} FROM {table} WHERE {where}", cast.globex.pk)]


def test_there_is_a_row_of_both_accounts_to_try(world: Cast, as_role: AsRole) -> None:
    empty = {model._meta.db_table for model in MODELS if not _theirs(as_role, model, world)}
    assert empty <= EMPTY_HERE, f"make one of each in tests/walls/world.py: {sorted(empty - EMPTY_HERE)}"
    tried = len(MODELS) - len(empty)
    print(f"{tried} of {len(MODELS)} tables of tenants tried with rows of both accounts")
    assert tried >= 26


class _Undone(Exception):
    """Takes back what was tried."""


def reached(world: Cast, change: Callable[[], int]) -> int:
    """How many rows a change reaches in acme's scope; it is taken back. What the role may never do reaches none."""
    count = 0
    try:
        with transaction.atomic(), scope(world.acme.pk):
            count = change()
            raise _Undone
    except _Undone:
        return count
    except ProgrammingError as error:
        if "permission denied" not in str(error):
            raise
        return 0


@pytest.mark.parametrize("model", MODELS, ids=_label)
def test_without_pythons_wall_postgresql_shows_and_changes_nothing_of_theirs(
    world: Cast, as_role: AsRole, model: Any
) -> None:
    theirs = _theirs(as_role, model, world)
    rows, column = unguarded(model), column_of(model)
    for role in ("app", "system"):
        with as_role(role):
            with scope(world.acme.pk):
                assert rows.filter(**{column: world.globex.pk}).count() == 0
                assert rows.filter(pk__in=theirs).count() == 0
                assert rows.exclude(**{column: world.acme.pk}).count() == 0
            for change in (
                lambda: rows.filter(pk__in=theirs)._raw_delete("default") or 0,
                lambda: rows.filter(pk__in=theirs).update(**{column: world.acme.pk}),
            ):
                assert reached(world, change) == 0, "a row of theirs was reached"
    assert _theirs(as_role, model, world) == theirs


@pytest.mark.parametrize("model", [m for m in MODELS if column_of(m) == "account_id"], ids=_label)
def test_without_pythons_wall_postgresql_takes_no_row_for_them(
    world: Cast, as_role: AsRole, model: Any
) -> None:
    """A copy of one's own row, written into the other account."""
    table, key = model._meta.db_table, model._meta.pk.column
    columns = [field.column for field in model._meta.local_fields]
    taken = ", ".join(
        "%s" if name == column_of(model) else f"'{uuid7()}'" if name == key else f'"{name}"'
        for name in columns
    )
    names = ", ".join(f'"{name}"' for name in columns)
    with scope(world.acme.pk):
        if not sql(f'SELECT 1 FROM "{table}" LIMIT 1'):
            return  # nothing to copy; test_there_is_a_row… says which tables these are
    copy = f'INSERT INTO "{table}" ({names}) SELECT {taken} FROM "{table}"'
    with (
        pytest.raises(ProgrammingError, match=r"row-level security|permission denied"),
        transaction.atomic(),
        scope(world.acme.pk),
    ):
        sql(copy, world.globex.pk)


@pytest.mark.parametrize("model", MODELS, ids=_label)
def test_without_row_security_the_managers_show_and_change_nothing_of_theirs(
    world: Cast, as_role: AsRole, model: Any
) -> None:
    theirs, rows = _theirs(as_role, model, world), model.objects
    with as_role("owner"):
        with pytest.raises(ScopeError):
            rows.count()
        with scope(world.acme.pk):
            if theirs:
                assert unguarded(model).filter(pk__in=theirs).count() == len(theirs), "the wall is down"
            assert rows.filter(pk__in=theirs).count() == 0
            assert not rows.filter(pk__in=theirs).exists()
            assert set(rows.values_list("pk", flat=True)).isdisjoint(theirs)
            assert rows.in_bulk(theirs) == {}
            assert rows.filter(pk__in=theirs).update(**{column_of(model): world.acme.pk}) == 0
            assert not rows.filter(pk__in=theirs)._raw_delete("default")
            for pk in theirs[:1]:
                with pytest.raises(ObjectDoesNotExist):
                    rows.get(pk=pk)
    assert _theirs(as_role, model, world) == theirs


def test_without_row_security_a_row_of_theirs_is_neither_saved_nor_deleted(
    world: Cast, as_role: AsRole
) -> None:
    tried = 0
    with as_role("owner"):
        for model in MODELS:
            if model in (Account, TrustLink):
                continue  # made and changed by actions that hold both sides
            for row in unguarded(model).filter(**{column_of(model): world.globex.pk})[:1]:
                tried += 1
                for act in (row.save, row.delete, lambda row=row: type(row).objects.bulk_create([row])):
                    with pytest.raises((ScopeError, AttributeError)), scope(world.acme.pk):
                        act()
    assert tried >= 15


@pytest.mark.parametrize("role", ["app", "owner"], ids=["doors down", "doors and row security down"])
def test_without_doors_a_look_up_finds_nothing_of_theirs(world: Cast, as_role: AsRole, role: str) -> None:
    """What the API and the pages look things up with, called with ids and names of the other account."""
    from projects.api.operations import find_operation
    from projects.api.project import find_member
    from projects.api.tokens import find_token
    from projects.models import Membership, Operation, Token
    from registry.datasets.find import find_dataset, find_version
    from registry.endpoints.actions import find_endpoint
    from registry.models import Dataset, Endpoint, TrainingJob, TrainingProject
    from registry.training.launch import find_job, find_project

    with scope(world.globex.pk):
        operation, member = Operation.objects.first(), Membership.objects.first()
        token, dataset = Token.objects.first(), Dataset.objects.first()
        endpoint, job = Endpoint.objects.first(), TrainingJob.objects.first()
        training = TrainingProject.objects.first()
    grant = world.grant("alice")
    looks: list[Callable[[], Any]] = [
        lambda: find_operation(operation.pk),
        lambda: find_member(member.pk),
        lambda: find_token(token.pk, grant),
        lambda: find_dataset(grant, dataset.name),
        lambda: find_version(grant, dataset.name, 1),
        lambda: find_endpoint(endpoint.name),
        lambda: find_job(job.number),
        lambda: find_project(training.name),
    ]
    with as_role(role), scope(world.acme.pk):
        assert Project.objects.get().pk == world.acme.pk
        for look in looks:
            with pytest.raises(NotFound):
                look()


def test_without_doors_an_action_changes_nothing_of_theirs(world: Cast) -> None:
    """Actions are handed rows; a row of the other account, however it was come by, is refused or not there."""
    from projects.actions.members import change_role, remove_member
    from projects.actions.tokens import revoke_token
    from projects.models import Membership, Token
    from registry.endpoints.actions import remove
    from registry.models import Endpoint

    with scope(world.globex.pk):
        member, token = Membership.objects.get(user=world.charlie), Token.objects.first()
        endpoint = Endpoint.objects.first()
    acts: list[Callable[[Any], Any]] = [
        lambda grant: change_role(grant, member, "viewer"),
        lambda grant: remove_member(grant, member),
        lambda grant: revoke_token(token, grant),
        lambda grant: remove(grant, endpoint),
    ]
    for act in acts:
        with pytest.raises((PortalError, ScopeError, ObjectDoesNotExist)), world.inside("alice") as grant:
            act(grant)
    with scope(world.globex.pk):
        assert Membership.objects.get(user=world.charlie).role == "owner"
        assert Token.objects.get(pk=token.pk).revoked_at is None
        assert Endpoint.objects.filter(pk=endpoint.pk).exists()
