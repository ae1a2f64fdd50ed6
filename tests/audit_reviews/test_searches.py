"""Searches kept under a name: one's own or shared, run from the page, deleted; the same by API."""

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEvent, User
from accounts.tenancy import platform_scope, scope
from projects.actions.searches import MOST
from projects.models import RoomSearch, SavedSearch
from tests.cast import Cast

ROOM_API, ROOM_PAGE = "/api/v1/platform/audit-searches", "/audit-room/"
WANTED = {"action": "dataset.*", "period": "7d", "outcome": "denied"}


def _save(client: Client, url: str, name: str = "Denied data", **more: Any) -> Any:
    body = {"name": name, "filters": WANTED, **more}
    return client.post(url, body, content_type="application/json")


def _places(cast: Cast) -> list[tuple[str, str, str, str]]:
    """Who saves and who else is there, the API and the page: of a project, and of the room."""
    return [
        ("stella", "mia", f"{cast.url}/audit-searches", f"/projects/{cast.acme.slug}/audit/"),
        ("audrey", "tess", ROOM_API, ROOM_PAGE),
    ]


@pytest.fixture
def auditors(cast: Cast) -> Cast:
    """A second auditor."""
    tess = User(username="tess", platform_role="auditor", password="!")
    tess.save(force_insert=True)
    cast.people["tess"] = tess
    return cast


@pytest.mark.parametrize("place", [0, 1])
def test_a_search_is_saved_run_and_deleted(auditors: Cast, place: int) -> None:
    who, _other, api, page = _places(auditors)[place]
    client = auditors.client(who)
    form = {f"filter-{name}": value for name, value in WANTED.items()}
    answer = client.post(f"{page}searches/", {**form, "name": "Denied data"})
    assert answer.status_code == 302
    assert "period=7d" in answer.headers["Location"], "a relative period stays relative"
    shown = unescape(client.get(page).content.decode())
    link = next(href for href in re.findall(r'href="(\?[^"]+)"', shown) if "outcome=denied" in href)
    assert client.get(f"{page}{link}").status_code == 200
    (saved,) = client.get(api).json()["results"]
    assert (saved["name"], saved["filters"], saved["shared"]) == ("Denied data", WANTED, False)
    assert client.post(f"{page}searches/{saved['id']}/").status_code == 302
    assert client.get(api).json()["results"] == []
    with platform_scope("auditor"):
        done = AuditEvent.objects.filter(action__startswith="search.").order_by("at")
        assert [event.action for event in done] == ["search.save", "search.delete"]
        assert done[0].detail == {"filters": WANTED, "shared": False}


@pytest.mark.parametrize("place", [0, 1])
def test_a_private_search_is_nobody_elses_a_shared_one_everybodys_to_see(auditors: Cast, place: int) -> None:
    who, other, api, page = _places(auditors)[place]
    mine, theirs = auditors.client(who), auditors.client(other)
    private = _save(mine, api, "Private").json()
    shared = _save(mine, api, "Shared", shared=True).json()
    assert [search["name"] for search in theirs.get(api).json()["results"]] == ["Shared"]
    # The log below tells of both: that a search was saved is on record.
    text = theirs.get(page).content.decode().split('class="saved-searches"')[1].split("audit-timeline")[0]
    assert "Shared" in text
    assert "Private" not in text
    for search in (private, shared):
        assert theirs.delete(f"{api}/{search['id']}").status_code == 404
        assert theirs.post(f"{page}searches/{search['id']}/").status_code == 404
    assert len(mine.get(api).json()["results"]) == 2
    assert _save(theirs, api, "Private").status_code == 201, "names are one's own"


def test_who_manages_members_tidies_up_what_is_shared(cast: Cast) -> None:
    api = f"{cast.url}/audit-searches"
    shared = _save(cast.client("stella"), api, shared=True).json()
    private = _save(cast.client("stella"), api, "Mine").json()
    alice = cast.client("alice")
    assert alice.delete(f"{api}/{shared['id']}").status_code == 204
    assert alice.delete(f"{api}/{private['id']}").status_code == 404


def test_a_shared_search_of_a_former_auditor_can_be_deleted(auditors: Cast) -> None:
    shared = _save(auditors.client("audrey"), ROOM_API, shared=True).json()
    tess = auditors.client("tess")
    assert tess.delete(f"{ROOM_API}/{shared['id']}").status_code == 404
    User.objects.filter(username="audrey").update(platform_role="member")
    assert tess.delete(f"{ROOM_API}/{shared['id']}").status_code == 204


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"filters": {}}, 400),
        ({"filters": {"action": ""}}, 400),
        ({"filters": {"nothing": "x"}}, 400),
        ({"filters": {"period": "2d"}}, 400),
        ({"filters": {"since": "2026-02-30"}}, 400),
        ({"filters": {"outcome": "perhaps"}}, 400),
        ({"filters": {"q": "a\0b"}}, 400),
        ({"filters": {"q": 7}}, 400),
        ({"filters": "q=x"}, 400),
        ({"name": ""}, 400),
        ({"name": "  "}, 400),
        ({"name": "n" * 61}, 400),
        ({"name": "n\0"}, 400),
        ({"more": 1}, 400),
        ({"shared": "yes"}, 400),
        ({"filters": {"since": "2026-02-03", "until": "2026-02-28"}}, 201),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_what_is_no_search_is_refused(auditors: Cast, place: int, body: dict[str, Any], code: int) -> None:
    who, _other, api, _page = _places(auditors)[place]
    assert _save(auditors.client(who), api, **body).status_code == code


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"name": "n\0", "filter-outcome": "denied"}, 302),
        ({"name": "Long", "filter-since": "x" * 20_000}, 400),
    ],
)
def test_what_no_form_sends_is_the_senders_mistake(
    auditors: Cast, place: int, form: dict[str, str], code: int
) -> None:
    who, _other, api, page = _places(auditors)[place]
    client = auditors.client(who)
    assert client.post(f"{page}searches/", form).status_code == code
    assert client.get(api).json()["results"] == []


def test_an_account_is_a_filter_of_the_room_alone(cast: Cast) -> None:
    for account, code in ((str(cast.acme.pk), 201), ("platform", 201), (str(cast.alice.pk), 400)):
        body = {"filters": {"account": account}}
        assert _save(cast.client("audrey"), ROOM_API, f"In {account}", **body).status_code == code
    body = {"filters": {"account": str(cast.acme.pk)}}
    assert _save(cast.client("stella"), f"{cast.url}/audit-searches", **body).status_code == 400


@pytest.mark.parametrize("place", [0, 1])
def test_a_name_is_used_once_and_lists_end(auditors: Cast, place: int) -> None:
    who, _other, api, page = _places(auditors)[place]
    client = auditors.client(who)
    assert _save(client, api).status_code == 201
    again = _save(client, api)
    assert (again.status_code, again.json()["code"]) == (409, "search.exists")
    assert client.post(f"{page}searches/", {"name": "Denied data", "filter-q": "x"}).status_code == 302
    for index in range(MOST - 1):
        assert _save(client, api, f"n{index}").status_code == 201
    assert _save(client, api, "one more").json()["code"] == "search.many"


def test_searches_are_for_those_who_read_the_log(cast: Cast) -> None:
    api = f"{cast.url}/audit-searches"
    assert _save(cast.client("bob"), api).status_code == 403
    assert _save(cast.client("charlie"), api).status_code == 404
    assert _save(cast.client("root"), ROOM_API).status_code == 404
    theirs = f"/api/v1/projects/{cast.globex.slug}/audit-searches"
    kept = _save(cast.client("charlie"), theirs, shared=True).json()
    alice = cast.client("alice")
    assert alice.get(api).json()["results"] == []
    assert alice.delete(f"{api}/{kept['id']}").status_code == 404
    with scope(cast.acme.pk):
        assert not SavedSearch.objects.exists()
    assert not RoomSearch.objects.exists()
