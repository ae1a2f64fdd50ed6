"""Whoever asked for a deletion is told how it ended, and so are the project's owners; nobody twice."""

from uuid import UUID

import pytest

from accounts.audit.keys import signing_key
from accounts.tenancy import scope
from projects import approvals, operations
from projects.models import ApprovalRequest, Membership, Notice, NoticeRecipient, Operation
from projects.operations.work import run
from registry.datasets.deletion.asking import ask
from registry.datasets.deletion.telling import ENDED
from registry.models import Dataset, DatasetDeletion, DatasetVersion
from tests.cast import Cast
from tests.engines.fixtures import become
from tests.roles.test_sensitivity import make


@pytest.fixture(autouse=True)
def key_of_the_worker(cast: Cast) -> None:
    """The key that statements are signed with: the web's role may not announce one, a worker has long done so."""
    with become("system"):
        signing_key()


def _asked(cast: Cast, who: str = "mia", level: str = "internal") -> DatasetDeletion:
    make(cast, level)
    with cast.inside(who) as grant:
        return ask(grant, Dataset.objects.get(), DatasetVersion.objects.get(), "The customer asked for it.")


def _work(cast: Cast) -> Operation:
    """Take steps until the deletion has ended."""
    with scope(cast.acme.account_id):
        pk = (
            Operation.objects.filter(kind="dataset.delete", state="queued").values_list("pk", flat=True).get()
        )
    for _step in range(10):
        run(cast.acme.account_id, pk)
    with scope(cast.acme.account_id):
        found: Operation = Operation.objects.get(pk=pk)
    return found


def _told(cast: Cast) -> list[tuple[str, str, str]]:
    with scope(cast.acme.account_id):
        rows = NoticeRecipient.objects.filter(notice__kind=ENDED).select_related("notice", "user")
        return sorted((row.user.username, row.notice.title, row.notice.link) for row in rows)


def test_who_asked_and_the_owners_are_told_with_the_way_to_the_statement(cast: Cast) -> None:
    deletion = _asked(cast)
    assert _told(cast) == [], "it has only begun"
    assert _work(cast).state == "succeeded"
    link = f"/projects/{cast.acme.slug}/dataset-deletions/{deletion.pk}/"
    assert _told(cast) == [(who, "wafers@1 is deleted", link) for who in ("alice", "mia")]
    assert cast.client("mia").get(link).status_code == 200
    inbox = cast.client("mia").get("/api/v1/notifications").json()["results"]
    assert [one["link"] for one in inbox if one["kind"] == ENDED] == [link]
    run(cast.acme.account_id, _operation(cast))
    assert len(_told(cast)) == 2, "once"


def _operation(cast: Cast) -> UUID:
    with scope(cast.acme.account_id):
        found: UUID = Operation.objects.values_list("pk", flat=True).get(kind="dataset.delete")
        return found


def test_an_owner_who_asks_is_told_once(cast: Cast) -> None:
    _asked(cast, "alice")
    _work(cast)
    assert [who for who, _title, _link in _told(cast)] == ["alice"]


def test_after_an_approval_it_is_still_who_asked(cast: Cast) -> None:
    _asked(cast, "mia", "confidential")
    with cast.inside("alice") as grant:
        approvals.decide(grant, ApprovalRequest.objects.get(kind="dataset.delete"), approve=True)
    assert _work(cast).state == "succeeded"
    assert [who for who, _title, _link in _told(cast)] == ["alice", "mia"]


def test_a_failure_is_told_and_then_how_the_second_try_ended(cast: Cast) -> None:
    _asked(cast)
    with scope(cast.acme.account_id):
        Operation.objects.filter(kind="dataset.delete").update(failures=5)  # five workers were lost at it
    failed = _work(cast)
    assert failed.state == "failed"
    assert {title for _who, title, _link in _told(cast)} == {"The deletion of wafers@1 has failed"}
    with scope(cast.acme.account_id):
        assert "Given up" in Notice.objects.get(kind=ENDED).text
    with cast.inside("alice") as grant:
        operations.retry(failed, grant)
    assert _work(cast).state == "succeeded"
    done = [who for who, title, _link in _told(cast) if title == "wafers@1 is deleted"]
    assert done == ["alice", "mia"], "she asked first, though alice tried again"


def test_who_has_left_is_told_nothing(cast: Cast) -> None:
    _asked(cast)
    with scope(cast.acme.account_id):
        Membership.objects.filter(user=cast.mia).delete()
    _work(cast)
    assert [who for who, _title, _link in _told(cast)] == ["alice"]
