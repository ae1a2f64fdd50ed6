"""The platform over REST: what its pages show, for the same people, with the same records."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEvent, User
from accounts.tenancy import platform_scope
from tests.cast import Cast

ACCOUNTS = "/api/v1/platform/accounts"
AUDIT = "/api/v1/platform/audit-events"


def _post(client: Client, url: str, body: dict[str, Any]) -> Any:
    return client.post(url, json.dumps(body), content_type="application/json")


def _platform_events() -> list[tuple[str, str, str]]:
    with platform_scope("auditor"):
        rows = AuditEvent.objects.filter(account_id=None).order_by("at", "id")
        return list(rows.values_list("action", "outcome", "actor_label"))


def test_an_admin_opens_an_account_as_on_the_page(cast: Cast) -> None:
    client = cast.client("root")
    made = _post(client, ACCOUNTS, {"name": "Initech", "kind": "general", "owner": "peter"})
    assert made.status_code == 201, made.content
    assert "no-store" in made["Cache-Control"]
    opened = made.json()
    assert opened["one_time_password"]
    assert User.objects.get(username="peter").must_change_password
    listed = client.get(ACCOUNTS).json()["results"]
    assert listed[0] == opened["account"], "newest first"
    assert {row["name"] for row in listed} == {"Initech", "Acme", "Globex"}
    detail = client.get(f"{ACCOUNTS}/{opened['account']['id']}").json()
    assert detail.items() >= opened["account"].items()
    assert (detail["owners"], detail["active_links"]) == (["peter"], 0)
    assert "Initech" in client.get("/platform/accounts/").content.decode()


def test_an_owner_who_is_there_already_gets_no_password(cast: Cast) -> None:
    made = _post(cast.client("root"), ACCOUNTS, {"name": "Umbrella", "kind": "trusted", "owner": "charlie"})
    assert made.status_code == 201
    assert made.json()["one_time_password"] is None
    assert made.json()["owner"] == "charlie"


@pytest.mark.parametrize(
    "body",
    [
        {"name": "", "kind": "general", "owner": "peter"},
        {"name": "X", "kind": "big", "owner": "peter"},
        {"name": "X", "kind": "general", "owner": "Not A Name"},
        {"name": "X", "kind": "general", "owner": "peter", "state": "closed"},
    ],
)
def test_a_bad_account_is_refused_whole_and_is_on_record(cast: Cast, body: dict[str, str]) -> None:
    client = cast.client("root")
    answer = _post(client, ACCOUNTS, body)
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"]
    assert not User.objects.filter(username="peter").exists()
    assert len(client.get(ACCOUNTS).json()["results"]) == 2
    assert ("platform.create", "failed", "root") in _platform_events()


def test_a_session_needs_the_csrf_token(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.root)
    answer = _post(client, ACCOUNTS, {"name": "Initech", "kind": "general", "owner": "peter"})
    assert answer.status_code == 403
    assert not User.objects.filter(username="peter").exists()


def test_the_system_says_how_each_engine_is(cast: Cast) -> None:
    answer = cast.client("root").get("/api/v1/platform/system").json()
    states = {engine["name"]: engine["state"] for engine in answer["engines"]}
    assert states["postgres"] == "ready"
    assert answer["healthy"] is all(state == "ready" for state in states.values())
    assert (answer["accounts"], answer["people"]) == (2, User.objects.filter(is_active=True).count())


def test_an_auditor_reads_every_accounts_log_by_the_filters_of_the_page(cast: Cast) -> None:
    client = cast.client("audrey")
    opened = client.get(AUDIT, {"action": "account.open"}).json()["results"]
    assert {row["account_name"] for row in opened} == {"Acme", "Globex"}
    one = client.get(AUDIT, {"action": "account.open", "account": str(cast.acme.pk)}).json()["results"]
    assert [row["account"] for row in one] == [str(cast.acme.pk)]
    assert client.get(AUDIT, {"q": "globex"}).json()["results"]
    own = client.get(AUDIT, {"account": "platform", "action": "audit.read"}).json()["results"]
    assert [row["actor"]["label"] for row in own] == ["audrey"] * 3
    assert own[0]["detail"]["filters"] == {"q": "globex"}, "what was looked for is on record"
    assert own[-1]["account"] is None


def test_the_auditors_list_goes_on_by_cursor(cast: Cast) -> None:
    client, seen, url = cast.client("audrey"), [], f"{AUDIT}?account={cast.acme.pk}&page_size=1"
    while url:
        page = client.get(url).json()
        seen += [row["id"] for row in page["results"]]
        url = page["next"]
    assert len(seen) == len(set(seen)) >= 2


@pytest.mark.parametrize("query", ["account=acme", "until=yesterday", "nothing=1", "cursor=x"])
def test_a_filter_that_makes_no_sense_is_refused(cast: Cast, query: str) -> None:
    assert cast.client("audrey").get(f"{AUDIT}?{query}").status_code == 400


def test_who_has_no_platform_role_is_told_nothing_and_is_on_record(cast: Cast) -> None:
    answers = [
        cast.client("alice").get(url)
        for url in (ACCOUNTS, f"{ACCOUNTS}/{cast.acme.pk}", f"{ACCOUNTS}/{cast.alice.pk}", AUDIT)
    ]
    unknown = cast.client("alice").get("/api/v1/platform/nothing")
    for answer in answers:
        assert answer.status_code == 404
        assert answer.json() | {"request_id": ""} == unknown.json() | {"request_id": ""}
    denied = [event for event in _platform_events() if event[1:] == ("denied", "alice")]
    assert len(denied) == len(answers)
