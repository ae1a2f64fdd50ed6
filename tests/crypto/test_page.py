"""The page of protection keys, and the same over the API."""

from typing import Any

import pytest
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEvent, KeyRotation
from accounts.recent import CONFIRMED_AT
from accounts.rotation import adopt_roots, advance
from tests.cast import Cast
from tests.engines.fixtures import become

PAGE = "/platform/keys/"
API = "/api/v1/platform/keys"


@pytest.fixture
def root(cast: Cast) -> Client:
    with become("system"):
        adopt_roots()
    return cast.client("root")


def stale(client: Client) -> Client:
    session = client.session
    session[CONFIRMED_AT] = 0
    session.save()
    return client


def test_the_page_tells_the_state_in_few_queries(root: Client) -> None:
    from django.db import connection

    with CaptureQueriesContext(connection) as queries:
        page = root.get(PAGE)
    text = page.content.decode()
    assert page.status_code == 200
    assert "Protection keys" in text
    assert "Start the rotation" in text
    data = [
        query for query in queries if query["sql"].startswith("SELECT") and "set_config" not in query["sql"]
    ]
    assert len(data) <= 15


def test_a_rotation_is_asked_for_with_a_reason_and_a_fresh_proof(root: Client, cast: Cast) -> None:
    refused = root.post(PAGE, {"kind": "accounts", "reason": ""})
    assert refused.status_code == 400
    assert not KeyRotation.objects.exists()
    assert root.post(PAGE, {"kind": "accounts", "reason": "yearly"}).status_code == 302
    rotation = KeyRotation.objects.get()
    assert (rotation.actor_label, rotation.reason, rotation.state) == ("root", "yearly", "running")
    busy = root.get(f"{PAGE}?part=progress").content.decode()
    assert "every 2s" in busy
    again = root.post(PAGE, {"kind": "root", "reason": "too"})
    assert (again.status_code, "under way" in again.content.decode()) == (400, True)
    with become("system"):
        assert advance() is not None
    done = root.get(f"{PAGE}?part=progress").content.decode()
    assert "every 2s" not in done
    assert "Succeeded" in done
    answer = stale(root).post(PAGE, {"kind": "accounts", "reason": "again"})
    assert (answer.status_code, "/sign-in/again/" in answer["Location"]) == (302, True)
    assert KeyRotation.objects.count() == 1
    with become("owner"):
        asked = AuditEvent.objects.get_queryset().unscoped().filter(action="key.rotate_accounts")
        assert asked.get().detail["reason"] == "yearly"


def test_the_api_tells_the_same_and_begins_the_same(root: Client, cast: Cast) -> None:
    told = root.get(API).json()
    assert told["root_key"] == told["root_key"] | {
        "provider": "local",
        "behind": 0,
        "others": [],
        "error": "",
    }
    assert [version["version"] for version in told["platform"]] == [1]
    accounts = root.get(f"{API}/accounts").json()["results"]
    assert {account["name"] for account in accounts} == {cast.acme.account.name, cast.globex.account.name}

    def begin(**body: Any) -> Any:
        return root.post(f"{API}/rotations", body, content_type="application/json")

    missing = begin(kind="accounts", reason="one", account="01a20392-a511-7681-a8bf-536fba53946c")
    assert missing.status_code == 404
    made = begin(kind="accounts", reason="one", account=str(cast.acme.pk))
    assert made.status_code == 202, made.content
    assert begin(kind="root", reason="two").status_code == 409
    with become("system"):
        advance()
    ended = root.get(f"{API}/rotations/{made.json()['id']}").json()
    assert (ended["state"], ended["only"], ended["by"]) == ("succeeded", str(cast.acme.pk), "root")
    versions = {a["name"]: a["versions"][0]["version"] for a in root.get(f"{API}/accounts").json()["results"]}
    assert versions == {cast.acme.account.name: 2, cast.globex.account.name: 1}
    late = stale(root).post(
        f"{API}/rotations", {"kind": "root", "reason": "x"}, content_type="application/json"
    )
    assert (late.status_code, late.json()["code"]) == (403, "sign_in.stale")
    mine = cast.client("bob").get(f"{cast.url}/protection-key").json()
    assert mine["version"] == 2
    page = cast.client("alice").get(f"/projects/{cast.acme.slug}/settings/account/").content.decode()
    assert "version 2" in " ".join(page.split())
