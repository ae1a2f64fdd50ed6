"""Operations while an engine is away, whose workers die, and that end without their handler's say."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.errors import Unavailable
from projects import operations
from projects.models import Membership, Operation, State
from projects.operations import Done, Work, submit
from projects.operations import work as working
from projects.operations.registry import patience_of
from tests.cast import Cast
from tests.operations.test_work import TARGET, change, log_of, now, run

KIND = "test.waiting"
ended: list[tuple[str, str]] = []


def handle(work: Work) -> Done:
    """Needs something that is there from a certain attempt on."""
    tried = work.payload["tried"] + 1
    work.save(tried=tried)
    if tried <= work.payload["away"]:
        raise Unavailable("thing.starting", "The thing is starting.", retry_after=5)
    return Done({"tried": tried})


def note_end(operation: Operation) -> None:
    ended.append((operation.state, operation.error))


operations.register(KIND, handle, ended=note_end)


@pytest.fixture
def waiting(cast: Cast) -> Operation:
    ended.clear()
    with cast.inside("sam") as grant:
        payload = {"tried": 0, "away": 12}
        return submit(KIND, target=TARGET, payload=payload, grant=grant, permission="dataset.write")


def test_an_engine_that_starts_uses_up_no_attempts(waiting: Operation) -> None:
    for _ in range(12):
        found = run(waiting)
        assert (found.state, found.failures) == (State.QUEUED, 0)
        assert found.unavailable_since is not None
        assert 0 < (found.run_after - timezone.now()).total_seconds() < 31
    assert log_of(waiting).count("The thing is starting.") == 1, "said once, not at every look"
    assert run(waiting).state == State.SUCCEEDED
    assert ended == [(State.SUCCEEDED, "")]


def test_waiting_ends_with_a_sentence(waiting: Operation) -> None:
    run(waiting)
    change(waiting, unavailable_since=timezone.now() - patience_of(KIND) - timedelta(seconds=1))
    found = run(waiting)
    assert found.state == State.FAILED
    assert found.error == "Given up after 30 minutes of waiting. The thing is starting."
    assert ended == [(State.FAILED, found.error)]


def test_a_step_that_kills_its_worker_is_not_taken_forever(waiting: Operation) -> None:
    for lost in range(waiting.max_failures):
        change(waiting, run_after=timezone.now() - timedelta(seconds=1))
        assert working.claim(waiting.account_id, waiting.pk) is not None, f"after {lost} lost workers"
        change(waiting, lease_expires_at=timezone.now() - timedelta(seconds=1))
    found = run(waiting)
    assert found.state == State.FAILED
    assert found.error == "Given up: the worker was lost 5 times during this step."
    assert found.payload["tried"] == 0
    assert ended == [(State.FAILED, found.error)]


def test_who_may_no_longer_do_it_leaves_nothing_behind(cast: Cast, waiting: Operation) -> None:
    with cast.inside("sam"):
        Membership.objects.filter(user_id=waiting.user_id).delete()
    found = run(waiting)
    assert found.state == State.FAILED
    assert "may no longer do this here" in found.error
    assert ended == [(State.FAILED, found.error)]
    assert now(waiting).payload["tried"] == 0
