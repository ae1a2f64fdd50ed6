"""Every account has its one project, and every project an owner, whatever happens at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from accounts import audit
from accounts.errors import Conflict
from accounts.ids import uuid7
from accounts.models import Account
from accounts.tenancy import scope
from projects.actions.accounts import open_account
from projects.actions.members import change_role, remove_member
from projects.models import Membership, Project
from tests.cast import Cast


def at_once(*acts: Callable[[], Any]) -> list[Exception | None]:
    """Do things at the same moment, each in a thread with a connection of its own; return what they raised."""
    barrier = Barrier(len(acts))

    def act(one: Callable[[], Any]) -> Exception | None:
        try:
            barrier.wait(20)
            one()
        except Exception as error:  # the test looks at what it is
            return error
        finally:
            connection.close()
        return None

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(act, acts))


def test_an_account_without_a_project_does_not_come_to_be(committed_cast: Cast) -> None:
    account = Account(id=uuid7(), name="Bare", kind="general")
    with pytest.raises(IntegrityError), scope(account.pk):
        account.save(force_insert=True)
    with scope(account.pk):
        assert not Account.objects.exists()


def test_an_account_keeps_its_project(committed_cast: Cast) -> None:
    cast = committed_cast
    with pytest.raises(IntegrityError), scope(cast.acme.pk):
        Project.objects.all().delete()
    with pytest.raises(DatabaseError), scope(cast.acme.pk), connection.cursor() as cursor:
        cursor.execute("UPDATE projects_project SET account_id = %s", [cast.globex.pk])
    with scope(cast.acme.pk):
        assert Project.objects.get().slug == cast.acme.slug


def test_of_two_projects_for_one_account_one_comes_to_be(committed_cast: Cast) -> None:
    account = Account(id=uuid7(), name="Raced", kind="general")

    def make(slug: str) -> Callable[[], None]:
        def act() -> None:
            with scope(account.pk):
                if not Account.objects.filter(pk=account.pk).exists():
                    with transaction.atomic():
                        Account(id=account.pk, name="Raced", kind="general").save(force_insert=True)
                Project(account_id=account.pk, slug=slug, name=slug).save(force_insert=True)

        return act

    raised = at_once(*(make(f"raced-{number}") for number in range(4)))
    assert sum(error is None for error in raised) == 1
    assert all(isinstance(error, IntegrityError) for error in raised if error is not None)
    with scope(account.pk):
        assert Project.objects.count() == 1


def test_names_may_collide_and_slugs_do_not(committed_cast: Cast) -> None:
    slugs: list[str] = []

    def open_one() -> None:
        with audit.acting_as(audit.SYSTEM, via="command"):
            slugs.append(open_account("Acme", "general", committed_cast.bob)[1].slug)

    assert at_once(*[open_one] * 4) == [None] * 4
    assert len({*slugs, committed_cast.acme.slug}) == 5


def test_of_two_owners_who_leave_at_once_one_stays(committed_cast: Cast) -> None:
    cast = committed_cast
    with cast.inside("alice") as grant:
        change_role(grant, Membership.objects.get(user=cast.mia), "owner")
        owners = list(Membership.objects.filter(role="owner"))
    assert len(owners) == 2

    def leave(membership: Membership) -> Callable[[], None]:
        def act() -> None:
            with cast.inside("alice") as grant:
                remove_member(grant, membership)

        return act

    raised = at_once(*(leave(owner) for owner in owners))
    assert sorted(type(error).__name__ for error in raised) == ["Conflict", "NoneType"]
    assert any(isinstance(error, Conflict) for error in raised)
    with scope(cast.acme.pk):
        assert Membership.objects.filter(role="owner").count() == 1
