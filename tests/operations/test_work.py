"""Operations step by step: once, fenced, retried, cancelled, given up with a sentence."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from accounts.audit import Target
from accounts.errors import Conflict, Unprocessable
from accounts.tenancy import ScopeError, scope
from projects import operations
from projects.models import Membership, Operation, State
from projects.operations import log as operation_log
from projects.operations import submit
from projects.operations import work as working
from tests.cast import Cast, events

TARGET = Target("thing", "1", "the thing")


def ask(cast: Cast, name: str = "sam", key: str = "", **payload: Any) -> Operation:
    with cast.inside(name) as grant:
        return submit(
            "test.work",
            target=TARGET,
            payload=payload,
            grant=grant,
            permission="dataset.write",
            idempotency_key=key,
        )


def now(operation: Operation) -> Operation:
    with scope(operation.account_id):
        return Operation.objects.get(pk=operation.pk)


def change(operation: Operation, **values: Any) -> None:
    with scope(operation.account_id):
        Operation.objects.filter(pk=operation.pk).update(**values)


def run(operation: Operation) -> Operation:
    """Take one step, as soon as it is due."""
    change(operation, run_after=timezone.now() - timedelta(seconds=1))
    working.run(operation.account_id, operation.pk)
    return now(operation)


def log_of(operation: Operation) -> str:
    with scope(operation.account_id):
        return "".join(text for _seq, text in operation_log.read(operation))


def test_work_is_done_step_by_step_and_ends_once(cast: Cast) -> None:
    operation = ask(cast, steps=2)
    assert run(operation).state == State.QUEUED
    ended = run(operation)
    assert (ended.state, ended.result, ended.progress) == (State.SUCCEEDED, {"steps": 2}, 1.0)
    assert log_of(operation) == "step 0 done\nstep 1 done\n"
    working.run(operation.account_id, operation.pk)
    assert log_of(operation) == "step 0 done\nstep 1 done\n", "a late message does nothing"
    actions = [event for event in events(cast.acme.account_id) if event[0].startswith("test.work")]
    assert actions == [("test.work.requested", "ok", "sam"), ("test.work.succeeded", "ok", "sam")]


def test_the_same_key_gives_the_same_operation(cast: Cast) -> None:
    first = ask(cast, key="k", n=1)
    assert ask(cast, key="k", n=1).pk == first.pk
    assert ask(cast, key="", n=1).pk != first.pk
    assert ask(cast, "mia", key="k", n=1).pk != first.pk, "a key is the caller's own"
    with pytest.raises(Unprocessable):
        ask(cast, key="k", n=2)


def test_what_is_not_due_is_not_claimed(cast: Cast) -> None:
    operation = ask(cast)
    change(operation, run_after=timezone.now() + timedelta(minutes=1))
    assert working.claim(operation.account_id, operation.pk) is None


def test_a_worker_that_lost_its_lease_writes_nothing(cast: Cast) -> None:
    operation = ask(cast)
    slow = working.claim(operation.account_id, operation.pk)
    assert slow is not None
    assert working.claim(operation.account_id, operation.pk) is None, "it is taken"
    change(operation, lease_expires_at=timezone.now() - timedelta(seconds=1))
    other = working.claim(operation.account_id, operation.pk)
    assert other is not None
    assert other.fence == slow.fence + 1
    for write in (
        lambda: slow.stage("late"),
        lambda: slow.log("late"),
        lambda: slow.save(late=True),
        slow.heartbeat,
        lambda: working._end(slow, State.SUCCEEDED, result={"late": True}),
        lambda: working._pause(slow, 0),
    ):
        with pytest.raises(working.LeaseLost):
            write()
    found = now(operation)
    assert (found.state, found.stage, found.payload, found.result) == (State.RUNNING, "", {}, {})
    assert "late" not in log_of(operation)
    assert "was lost" in log_of(operation)
    other.stage("mine")
    assert now(operation).stage == "mine"


def test_failed_attempts_are_tried_again_with_growing_pauses(cast: Cast) -> None:
    operation = ask(cast, broken=2)
    pauses = []
    for _attempt in range(2):
        before = timezone.now()
        found = run(operation)
        assert found.state == State.QUEUED
        pauses.append((found.run_after - before).total_seconds())
    assert 1.5 < pauses[0] < pauses[1]
    ended = run(operation)
    assert ended.state == State.SUCCEEDED
    assert "RuntimeError" in log_of(operation)
    assert "secret-in-the-text" not in log_of(operation) + ended.error


def test_it_is_given_up_with_a_sentence(cast: Cast) -> None:
    operation = ask(cast, broken=99)
    for _attempt in range(5):
        found = run(operation)
    assert found.state == State.FAILED
    assert found.error == "Given up after 5 failed attempts. The last one: RuntimeError"
    assert ("test.work.failed", "failed", "sam") in events(cast.acme.account_id)


def test_a_handler_that_says_no_is_not_asked_again(cast: Cast) -> None:
    found = run(ask(cast, refuse="The thing has no wafers."))
    assert (found.state, found.error) == (State.FAILED, "The thing has no wafers.")


def test_an_unknown_kind_ends_with_a_sentence(cast: Cast) -> None:
    operation = ask(cast)
    change(operation, kind="test.unheard")
    for _attempt in range(5):
        found = run(operation)
    assert found.state == State.FAILED
    assert "Given up" in found.error


def test_permission_is_checked_again_when_it_runs(cast: Cast) -> None:
    operation = ask(cast)
    with cast.inside("alice"):
        Membership.objects.filter(user=cast.sam).update(role="viewer")
    found = run(operation)
    assert found.state == State.FAILED
    assert found.error == "sam may no longer do this here (dataset.write)."


def test_who_left_the_project_leaves_no_work_behind(cast: Cast) -> None:
    operation = ask(cast)
    with cast.inside("alice"):
        Membership.objects.filter(user=cast.sam).delete()
    assert run(operation).state == State.FAILED


def test_cancelling_is_asked_for_and_then_done(cast: Cast) -> None:
    operation = ask(cast, steps=3)
    run(operation)
    with cast.inside("sam") as grant:
        operations.cancel(now(operation), grant)
    assert run(operation).state == State.CANCELLED
    with cast.inside("sam") as grant, pytest.raises(Conflict):
        operations.cancel(now(operation), grant)


def test_what_failed_is_retried_as_a_new_operation(cast: Cast) -> None:
    operation = ask(cast, refuse="no")
    with cast.inside("sam") as grant, pytest.raises(Conflict):
        operations.retry(now(operation), grant)
    run(operation)
    with cast.inside("sam") as grant:
        again = operations.retry(now(operation), grant, idempotency_key="once")
        assert operations.retry(now(operation), grant, idempotency_key="once").pk == again.pk
    assert again.pk != operation.pk
    assert again.state == State.QUEUED


def test_the_sweep_finds_what_is_due_in_every_account(
    cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]
) -> None:
    due, later, lost = ask(cast), ask(cast), ask(cast)
    change(later, run_after=timezone.now() + timedelta(hours=1))
    assert working.claim(lost.account_id, lost.pk) is not None
    change(lost, lease_expires_at=timezone.now() - timedelta(seconds=1))
    with cast.inside("charlie", cast.globex) as grant:
        theirs = submit("test.work", target=TARGET, payload={}, grant=grant, permission="dataset.write")
    with as_role("system"):
        found: set[UUID] = {pk for _account, pk in working.due()}
    assert found == {due.pk, lost.pk, theirs.pk}
    with pytest.raises(ScopeError):
        working.due()


def test_the_log_is_sealed_and_other_accounts_cannot_open_it(cast: Cast) -> None:
    from django.db import connection

    operation = ask(cast)
    run(operation)
    with scope(operation.account_id), connection.cursor() as cursor:
        cursor.execute("SELECT sealed FROM projects_operationlog")
        assert all(b"step" not in bytes(row[0]) for row in cursor.fetchall())
    with scope(cast.globex.account_id), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM projects_operationlog")
        assert cursor.fetchone()[0] == 0
