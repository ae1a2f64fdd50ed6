"""Every page of people, settings and the platform: renders, for whom, in few queries."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.audit import Target
from projects import token_text
from projects.models import Operation
from projects.operations import submit
from projects.operations.log import append
from tests.cast import Cast

MOST_QUERIES = 15
PROJECT_PAGES = {
    "": "bob",
    "summary/": "bob",
    "activity/": "bob",
    "activity/menu/": "bob",
    "audit/": "stella",
    "connect/": "bob",
    "connect/status/": "bob",
    "settings/": "mia",
    "settings/members/": "alice",
    "settings/tokens/": "alice",
    "settings/tokens/?all=1": "alice",
    "settings/account/": "alice",
    "settings/account/credentials/new/kubeconfig/": "alice",
    "settings/account/credentials/new/s3/": "alice",
    "settings/account/credentials/new/database/": "alice",
}
THINGS = ("credentials/{credential}/", "credentials/{credential}/rotate/", "links/{link}/")
PLATFORM_PAGES = {"/": "alice", "/me/": "bob", "/platform/accounts/": "root", "/audit-room/": "audrey"}


@pytest.fixture
def lively(cast: Cast) -> Cast:
    """A project in which something has happened: tokens, an operation with a log, a link, a credential."""
    from accounts.actions.credentials import create_credential

    for name in ("alice", "bob", "sam"):
        cast.token(name)
    with cast.inside("alice") as grant:
        target = Target("dataset", "1", "wafers")
        for number in range(3):
            operation = submit(
                "test.work", target=target, payload={"n": number}, grant=grant, permission="dataset.write"
            )
            append(operation, "first line\nsecond line\n")
        create_credential("lake", "s3", S3, by="alice")
    return cast


S3 = {
    "endpoint": "https://s3.example.com",
    "bucket": "lake",
    "access_key_id": "AK",
    "secret_access_key": "not-to-be-seen",
}


def _checked(get: Callable[[], Any]) -> Any:
    with CaptureQueriesContext(connection) as queries:
        response = get()
    assert response.status_code == 200, response.content[:800]
    statements = [
        q["sql"] for q in queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))
    ]
    assert len(statements) <= MOST_QUERIES, "\n".join(statements)
    return response


@pytest.mark.parametrize("path", THINGS)
def test_pages_of_one_thing_answer_in_few_queries(lively: Cast, path: str) -> None:
    from accounts.models import Credential
    from tests.accounts_links.test_links import active

    link = active(lively)
    with lively.inside("alice"):
        credential = Credential.objects.get()
    shown = path.format(credential=credential.pk, link=link.pk)
    client = lively.client("alice")
    _checked(lambda: client.get(f"/projects/{lively.acme.slug}/settings/account/{shown}"))
    account = f"/platform/accounts/{lively.acme.pk}/"
    admin = lively.client("root")
    _checked(lambda: admin.get(account))


@pytest.mark.parametrize("path", PROJECT_PAGES)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_projects_pages_answer_in_few_queries(lively: Cast, path: str, language: str) -> None:
    client = lively.client(PROJECT_PAGES[path])
    client.cookies["django_language"] = language
    page = _checked(lambda: client.get(f"/projects/{lively.acme.slug}/{path}"))
    assert "not-to-be-seen" not in page.content.decode()


@pytest.mark.parametrize("path", PLATFORM_PAGES)
def test_personal_and_platform_pages_answer_in_few_queries(lively: Cast, path: str) -> None:
    client = lively.client(PLATFORM_PAGES[path])
    _checked(lambda: client.get(path))


def test_an_operations_page_shows_its_log(lively: Cast) -> None:
    with lively.inside("bob"):
        pk = Operation.objects.values_list("pk", flat=True)[0]
    url = f"/projects/{lively.acme.slug}/activity/{pk}/"
    bob = lively.client("bob")
    text = _checked(lambda: bob.get(url)).content.decode()
    assert "second line" in text
    assert 'name="do" value="cancel"' not in text, "a viewer is offered no button that refuses"
    assert 'name="do" value="cancel"' in lively.client("sam").get(url).content.decode()
    part = lively.client("bob").get(f"{url}?part=status", HTTP_HX_REQUEST="true").content.decode()
    assert "<html" not in part


def test_a_state_that_no_work_is_in_is_not_called_nothing_ever_run(lively: Cast) -> None:
    activity = f"/projects/{lively.acme.slug}/activity/"
    assert "test.work" in lively.client("bob").get(activity).content.decode()
    none_failed = lively.client("bob").get(activity, {"state": "failed"}).content.decode()
    assert "No work is in this state" in none_failed
    assert "Nothing has run yet" not in none_failed


def test_a_viewer_sees_no_buttons_that_refuse(lively: Cast) -> None:
    root = f"/projects/{lively.acme.slug}"
    members = lively.client("bob").get(f"{root}/settings/members/").content.decode()
    assert "Add a member" not in members
    account = lively.client("bob").get(f"{root}/settings/account/").content.decode()
    assert "lake" not in account
    assert lively.client("bob").get(f"{root}/audit/").status_code == 403


def test_a_403_names_the_permission(cast: Cast) -> None:
    page = cast.client("bob").get(f"/projects/{cast.acme.slug}/audit/")
    assert page.status_code == 403
    assert "audit.read" in page.content.decode()


@pytest.mark.parametrize("page", ["people", "robots", "roles"])
def test_a_nul_in_an_address_is_nothing_that_is_here(cast: Cast, page: str) -> None:
    settings = f"/projects/{cast.acme.slug}/settings"
    where = f"{settings}/robots" if page == "robots" else f"{settings}/permissions/{page}"
    api = {"people": "people", "robots": "robots", "roles": "custom-roles"}[page]
    assert cast.client("alice").get(f"{where}/%00/").status_code == 404
    assert cast.client("alice").get(f"{cast.url}/{api}/%00").status_code == 404


def test_members_are_managed_on_the_page(cast: Cast) -> None:
    client, url = cast.client("alice"), f"/projects/{cast.acme.slug}/settings/members/"
    assert client.post(url, {"username": "charlie", "role": "viewer"}).status_code == 302
    assert client.post(url, {"username": "charlie", "role": "viewer"}).status_code == 400
    assert "There is nobody" in client.post(url, {"username": "nemo", "role": "viewer"}).content.decode()
    assert cast.client("charlie").get(f"/projects/{cast.acme.slug}/").status_code == 200


def test_the_last_owner_cannot_leave_and_is_told_why(cast: Cast) -> None:
    from projects.models import Membership
    from tests.cast import events

    with cast.inside("alice"):
        pk = Membership.objects.get(user=cast.alice).pk
    url = f"/projects/{cast.acme.slug}/settings/members/"
    page = cast.client("alice").post(f"{url}{pk}/", {"do": "remove"}, follow=True)
    assert "needs an owner" in page.content.decode()
    assert ("member.manage", "failed", "alice") in events(cast.acme.account_id)


def test_a_token_is_on_the_page_that_made_it_and_on_no_other(cast: Cast) -> None:
    client, url = cast.client("sam"), f"/projects/{cast.acme.slug}/settings/tokens/"
    made = client.post(url, {"name": "laptop", "role": "scientist", "lifetime": str(7 * 24 * 3600)})
    assert made.status_code == 200
    assert "no-store" in made["Cache-Control"]
    found = token_text.PATTERN.search(made.content.decode())
    assert found
    assert found[0] not in client.get(url).content.decode()
    assert (
        client.get(f"/api/v1/projects/{cast.acme.slug}", HTTP_AUTHORIZATION=f"Bearer {found[0]}").status_code
        == 200
    )
    assert client.post(url, {"name": "x", "role": "owner", "lifetime": "60"}).status_code == 400


def test_a_credential_comes_in_by_the_page_and_does_not_come_out(cast: Cast) -> None:
    client, root = cast.client("alice"), f"/projects/{cast.acme.slug}/settings/account/"
    parts = {f"{name}_part": value for name, value in S3.items()} | {"name": "lake", "region_part": "eu-1"}
    assert client.post(f"{root}credentials/new/s3/", parts).status_code == 302
    page = client.get(root).content.decode()
    assert "lake" in page
    assert "not-to-be-seen" not in page
    wrong = client.post(f"{root}credentials/new/s3/", {**parts, "name": "b", "endpoint_part": "ftp://x"})
    assert wrong.status_code == 400
    assert "not-to-be-seen" not in wrong.content.decode(), "a refused form does not give the secret back"


def test_an_admin_opens_an_account_for_somebody_new(cast: Cast) -> None:
    client = cast.client("root")
    page = client.post("/platform/accounts/", {"name": "Initech", "kind": "general", "owner": "peter"})
    text = page.content.decode()
    assert page.status_code == 200
    assert "One-time password" in text
    assert "Initech" in client.get("/platform/accounts/").content.decode()
    again = client.post("/platform/accounts/", {"name": "", "kind": "general", "owner": "peter"})
    assert again.status_code == 400


@pytest.mark.parametrize("name", ["alice", "audrey", "bob"])
def test_platform_pages_are_not_there_for_others(cast: Cast, name: str) -> None:
    assert cast.client(name).get("/platform/accounts/").status_code == 404


def test_the_audit_room_searches_every_account_and_leaves_a_record(cast: Cast) -> None:
    client = cast.client("audrey")
    text = client.get("/audit-room/?action=account.open").content.decode()
    assert "Acme" in text
    assert "Globex" in text
    assert "audit.read" in client.get("/audit-room/?account=platform").content.decode()
    assert cast.client("root").get("/audit-room/").status_code == 404


def test_the_audit_page_filters_shows_one_record_and_records_the_reading(cast: Cast) -> None:
    client, url = cast.client("stella"), f"/projects/{cast.acme.slug}/audit/"
    page = client.get(f"{url}?action=account.*&outcome=ok").content.decode()
    assert ">account.open</code>" in page
    assert ">member.add</code>" not in page
    from accounts.models import AuditEvent

    with cast.inside("stella"):
        event = AuditEvent.objects.get(action="account.open")
        assert AuditEvent.objects.filter(action="audit.read", actor_label="stella").count() == 1
    detail = client.get(f"{url}?event={event.pk}").content.decode()
    assert str(event.pk) in detail
    assert "owner" in detail


def test_the_dashboard_says_what_to_do_first(cast: Cast) -> None:
    assert "Acme" in cast.client("bob").get("/").content.decode()
    assert "/platform/accounts/" in cast.client("root").get("/").content.decode()
    assert "/audit-room/" in cast.client("audrey").get("/").content.decode()


def test_the_connect_page_lights_up_with_the_first_call(cast: Cast) -> None:
    url = f"/projects/{cast.acme.slug}/connect/status/"
    client = cast.client("sam")
    assert "Waiting" in client.get(url).content.decode()
    bearer = cast.bearer("sam")
    assert "Waiting" in client.get(url).content.decode()
    assert cast.client("").get(cast.url, **bearer).status_code == 200
    assert "Connected" in client.get(url).content.decode()
