"""Searches of the audit log: who, what, which, when, outcome, on whose behalf, via, from where. Pages and API agree."""

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import audit
from accounts.audit import Actor, Target
from accounts.models import AuditEvent
from accounts.tenancy import scope
from tests.cast import Cast

MOST_QUERIES = 15
LAKE = Target("dataset", "lake-1", "Lake of lots")
DEEP = Target("artifact", "run/a b/ü.json", "ü.json")


def _plain(queries: Any) -> list[str]:
    return [q["sql"] for q in queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))]


@pytest.fixture
def kept(cast: Cast) -> Cast:
    """A log with a bit of everything, by people, a token and the portal itself, from two addresses."""
    mia = Actor("user", str(cast.mia.pk), "mia")
    token = Actor("token", "0192-token", "nightly (mlp_ab…)", "mia")
    doings: list[tuple[Actor, str, str, str, Target, str, dict[str, Any]]] = [
        (mia, "page", "192.0.2.7", "dataset.preview", LAKE, "ok", {"path": "a.csv"}),
        (token, "api", "198.51.100.9", "dataset.download", LAKE, "ok", {}),
        (token, "api", "198.51.100.10", "dataset.download", DEEP, "denied", {"error": "no"}),
        (
            audit.SYSTEM,
            "task",
            "",
            "member.role",
            Target("membership", "m-1", "sam"),
            "ok",
            {"from": "viewer", "to": "owner"},
        ),
    ]
    for actor, via, ip, action, target, outcome, detail in doings:
        with audit.acting_as(actor, via=via, ip=ip), scope(cast.acme.pk):
            audit.record(action, target, outcome=outcome, detail=detail)
    return cast


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("target=lake", {"dataset.preview", "dataset.download"}),
        ("thing=dataset:lake-1", {"dataset.preview", "dataset.download"}),
        ("thing=dataset:lake", set()),
        ("target_type=artifact", {"dataset.download"}),
        ("on_behalf_of=mia", {"dataset.download"}),
        ("on_behalf_of=MIA&outcome=denied", {"dataset.download"}),
        ("person=mia&action=dataset.*", {"dataset.preview", "dataset.download"}),
        ("person=0192-token", {"dataset.download"}),
        ("person=nobody", set()),
        ("via=task&action=member.role", {"member.role"}),
        ("ip=198.51.100.9", {"dataset.download"}),
        ("ip=198.51.*&outcome=denied", {"dataset.download"}),
        ("ip=203.0.113.", set()),
        ("q=nightly", {"dataset.download"}),
        ("q=Lake&period=1h", {"dataset.preview", "dataset.download"}),
        ("actor=mia&period=24h&via=page&target=lake", {"dataset.preview"}),
    ],
)
def test_each_filter_finds_the_same_by_api_page_and_room(kept: Cast, query: str, found: set[str]) -> None:
    stella, audrey = kept.client("stella"), kept.client("audrey")
    listed = stella.get(f"{kept.url}/audit-events?{query}").json()["results"]
    assert {event["action"] for event in listed} == found
    across = audrey.get(f"/api/v1/platform/audit-events?{query}&account={kept.acme.pk}").json()["results"]
    assert [event["id"] for event in across] == [event["id"] for event in listed]
    for client, url in ((stella, f"/projects/{kept.acme.slug}/audit/"), (audrey, "/audit-room/")):
        page = client.get(f"{url}?{query}")
        assert page.status_code == 200
        assert {one.event.action for one in page.context["shown"]} == found


def test_since_and_until_enclose(kept: Cast) -> None:
    client = kept.client("stella")
    later = (timezone.now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert client.get(f"{kept.url}/audit-events?since={later}").json()["results"] == []
    assert client.get(f"{kept.url}/audit-events?until={later}&action=dataset.preview").json()["results"]
    assert client.get(f"{kept.url}/audit-events?period=2d").status_code == 400
    day = timezone.now().date()
    page = client.get(f"/projects/{kept.acme.slug}/audit/?since={day}&until={day}&action=dataset.preview")
    assert len(page.context["shown"]) == 1
    assert (
        client.get(f"/projects/{kept.acme.slug}/audit/?until=9999-12-31&since=0001-01-01").status_code == 200
    )


def test_a_bar_of_the_histogram_narrows_to_its_day(kept: Cast) -> None:
    client, url = kept.client("stella"), f"/projects/{kept.acme.slug}/audit/"
    page = client.get(f"{url}?action=dataset.*")
    bars = page.context["chart"]["bars"]
    assert [bar["count"] for bar in bars] == [3]
    narrowed = client.get(url + bars[0]["url"])
    assert narrowed.context["chart"]["kind"] == "hour"
    assert len(narrowed.context["shown"]) == 3, "what else was asked for is kept"
    series = page.context["chart"]["option"]["series"]
    assert sum(each["value"] for one in series for each in one["data"]) == 3
    year = client.get(f"{url}?period=365d")
    assert year.context["chart"]["kind"] == "month"


def test_copy_as_curl_asks_what_the_page_asks(kept: Cast) -> None:
    page = kept.client("stella").get(f"/projects/{kept.acme.slug}/audit/?action=dataset.*&ip=198.51.*")
    command = unescape(re.findall(r'data-copy="(curl[^"]*audit-events[^"]*)"', page.content.decode())[0])
    address = re.findall(r"'?(http\S+?)'? ", command)[0]
    path = address[address.index("/api") :]
    asked = kept.client("stella").get(path).json()["results"]
    assert [event["id"] for event in asked] == [str(one.event.pk) for one in page.context["shown"]]


def test_filters_suggest_what_the_log_holds(kept: Cast) -> None:
    html = kept.client("stella").get(f"/projects/{kept.acme.slug}/audit/").content.decode()
    for value in ("dataset.*", "nightly (mlp_ab…)", "198.51.100.9", "Lake of lots"):
        assert f'<option value="{value}">' in html
    assert '<option value="dataset.download" label="Download of a dataset">' in html


def test_actions_are_told_in_words_with_their_codes(kept: Cast) -> None:
    project, room = f"/projects/{kept.acme.slug}", "/audit-room"
    pages = [
        ("stella", f"{project}/audit/?action=dataset.download", "chips"),
        ("stella", f"{project}/audit/things/dataset/lake-1/", ""),
        ("stella", f"{project}/audit/people/mia/", ""),
        ("alice", f"{project}/", ""),
        ("audrey", f"{room}/?action=dataset.download", "chips"),
        ("audrey", f"{room}/people/mia/", ""),
    ]
    for who, path, chips in pages:
        client = kept.client(who)
        client.cookies["django_language"] = "ko"
        html = client.get(path).content.decode()
        told = r'<span>데이터셋 내려받기</span> <code class="action-code">dataset.download</code>'
        assert told in html, path
        assert "<code>dataset.download</code>" not in html, path
        assert not chips or "데이터셋 내려받기 (dataset.download)" in html, path


def test_a_record_in_full_is_told_and_kept_as_it_is(kept: Cast) -> None:
    client = kept.client("stella")
    client.cookies["django_language"] = "ko"
    (event,) = client.get(f"{kept.url}/audit-events?thing=membership:m-1").json()["results"]
    html = client.get(f"/projects/{kept.acme.slug}/audit/?event={event['id']}").content.decode()
    assert re.search(r'<h2 id="event">\s*<span class="action-told"><span>구성원 역할 변경</span>', html)
    assert re.search(r"<del>뷰어</del>.*<ins>소유자</ins>", html, re.S)
    assert '<span class="faint">from</span> viewer' in html, "the record itself is beneath"
    assert (event["action"], event["detail"]) == ("member.role", {"from": "viewer", "to": "owner"})


@pytest.mark.parametrize("language", ["en", "ko"])
def test_free_search_takes_codes_and_words_of_any_language(kept: Cast, language: str) -> None:
    client = kept.client("stella")
    client.cookies["django_language"] = language
    for word in ("dataset.down", "download", "내려받기", "데이터셋 내려"):
        listed = client.get(f"{kept.url}/audit-events", {"q": word}).json()["results"]
        assert {event["action"] for event in listed} == {"dataset.download"}, word
        page = client.get(f"/projects/{kept.acme.slug}/audit/", {"q": word})
        assert {one.event.action for one in page.context["shown"]} == {"dataset.download"}, word


def test_a_code_of_another_version_is_shown_as_it_is(kept: Cast) -> None:
    with kept.inside("mia"):
        audit.record("of.another.version", LAKE, detail={"what_is_new": "x"})
    html = (
        kept.client("stella").get(f"/projects/{kept.acme.slug}/audit/things/dataset/lake-1/").content.decode()
    )
    assert '<code class="text-break">of.another.version</code>' in html
    assert "what_is_new: x" in html


def test_one_things_history_says_who_did_what_and_what_changed(kept: Cast) -> None:
    client = kept.client("stella")
    summed = client.get(f"{kept.url}/audit/things/dataset/lake-1").json()
    assert (summed["count"], summed["refused"], summed["labels"]) == (2, 0, ["Lake of lots"])
    assert {(each["label"], each["on_behalf_of"]) for each in summed["people"]} == {
        ("mia", ""),
        ("nightly (mlp_ab…)", "mia"),
    }
    events = client.get(summed["events_url"]).json()["results"]
    assert [event["action"] for event in events] == ["dataset.download", "dataset.preview"]
    page = client.get(f"/projects/{kept.acme.slug}/audit/things/membership/m-1/").content.decode()
    assert re.search(r"<del>Viewer</del>.*<ins>Owner</ins>", page, re.S)
    (event,) = client.get(f"{kept.url}/audit-events?thing=membership:m-1").json()["results"]
    assert event["changes"] == [{"name": "", "before": "viewer", "after": "owner"}]


def test_a_thing_whose_id_is_a_path_has_a_history(kept: Cast) -> None:
    client = kept.client("stella")
    page = client.get(f"/projects/{kept.acme.slug}/audit/?thing=artifact:{DEEP.id}")
    (shown,) = page.context["shown"]
    history = client.get(shown.thing_url)
    assert history.status_code == 200
    assert history.context["history"].count == 1


def test_one_persons_history_holds_what_their_tokens_did(kept: Cast) -> None:
    client = kept.client("stella")
    by_id = client.get(f"{kept.url}/audit/people/{kept.mia.pk}").json()
    by_name = client.get(f"{kept.url}/audit/people/mia").json()
    assert by_id["count"] == by_name["count"] == 3
    assert by_id["refused"] == 1
    assert {each["key"] for each in by_id["addresses"]} == {"192.0.2.7", "198.51.100.9", "198.51.100.10"}
    assert {each["key"] for each in by_id["things"]} == {LAKE.id, DEEP.id}
    page = client.get(f"/projects/{kept.acme.slug}/audit/people/{kept.mia.pk}/?period=7d")
    assert page.context["history"].count == 3
    across = kept.client("audrey").get(f"/audit-room/people/{kept.mia.pk}/")
    assert across.context["history"].count == 3


def test_one_accounts_log_knows_nothing_of_anothers_people_and_things(kept: Cast) -> None:
    charlie = f"/api/v1/projects/{kept.globex.slug}"
    client = kept.client("charlie")
    for path in ("audit/things/dataset/lake-1", f"audit/people/{kept.mia.pk}", "audit/people/mia"):
        strange = client.get(f"{charlie}/{path}")
        assert strange.status_code == 404
        unknown = client.get(f"{charlie}/{path}-nowhere").json()
        assert {**strange.json(), "request_id": ""} == {**unknown, "request_id": ""}
    assert client.get(f"{charlie}/audit/people/%00").status_code == 404
    assert client.get(f"{charlie}/audit/things/a/%00").status_code == 404


def test_looking_at_a_history_is_on_record(kept: Cast) -> None:
    kept.client("stella").get(f"/projects/{kept.acme.slug}/audit/things/dataset/lake-1/?period=7d")
    kept.client("stella").get(f"{kept.url}/audit/people/mia")
    with scope(kept.acme.pk):
        read = AuditEvent.objects.filter(action="audit.read", actor_label="stella").order_by("at")
        filters = [event.detail["filters"] for event in read]
    assert filters == [{"thing": "dataset:lake-1", "period": "7d"}, {"person": str(kept.mia.pk)}]


@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("stella", "/projects/{slug}/audit/?q=a&period=30d"),
        ("stella", "/projects/{slug}/audit/things/dataset/lake-1/"),
        ("stella", "/projects/{slug}/audit/people/mia/"),
        ("audrey", "/audit-room/?q=a"),
        ("audrey", "/audit-room/things/dataset/lake-1/"),
        ("audrey", "/audit-room/people/mia/?period=90d"),
    ],
)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_pages_answer_in_few_queries(kept: Cast, who: str, path: str, language: str) -> None:
    client: Client = kept.client(who)
    client.cookies["django_language"] = language
    with CaptureQueriesContext(connection) as queries:
        response = client.get(path.format(slug=kept.acme.slug))
    assert response.status_code == 200, response.content[:800]
    statements = _plain(queries)
    assert len(statements) <= MOST_QUERIES, "\n".join(statements)
    assert json.dumps(response.context["chart"]["option"])
