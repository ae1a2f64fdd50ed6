"""What a page's button was refused is on record as refused, not as done; and nobody works on who has left."""

from accounts.models import Account, User
from accounts.tenancy import scope
from projects.models import Membership, Operation
from projects.operations.work import _still_permitted
from registry.endpoints.actions import create_endpoint
from tests.access_matrix.arguments_registry import make_job
from tests.cast import Cast, events


def test_a_refused_start_of_an_endpoint_is_a_failed_one(cast: Cast) -> None:
    with cast.inside() as grant:
        create_endpoint(grant, "empty")
    page = cast.client("oscar").post(f"/projects/{cast.acme.slug}/endpoints/empty/", {"do": "start"})
    assert page.status_code == 302
    told = events(cast.acme.account_id, action__in=["endpoint.manage", "endpoint.start"])
    assert told == [("endpoint.manage", "failed", "oscar")]


def test_a_refused_retry_of_a_job_is_a_failed_one(cast: Cast) -> None:
    job = make_job(cast, cast.acme, "running")
    page = cast.client("sam").post(
        f"/projects/{cast.acme.slug}/training/{job['number']}/", {"do": "retry"}, follow=True
    )
    assert "is still under way" in page.content.decode()
    assert ("training.launch", "failed", "sam") in events(cast.acme.account_id)
    assert ("training.launch", "ok", "sam") not in events(cast.acme.account_id)


def test_work_stops_with_the_person_and_with_the_account(cast: Cast) -> None:
    make_job(cast, cast.acme, "running")
    with scope(cast.acme.account_id):
        operation = Operation.objects.get()
        assert Membership.objects.filter(user_id=operation.user_id).exists()
        assert _still_permitted(operation)
        User.objects.filter(pk=operation.user_id).update(is_active=False)
        assert not _still_permitted(operation)
        User.objects.filter(pk=operation.user_id).update(is_active=True)
        Account.objects.filter(pk=cast.acme.account_id).update(state=Account.State.SUSPENDED)
        assert not _still_permitted(operation)
