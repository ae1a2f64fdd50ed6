"""A credential's life: brought, tested by a worker's step, rotated in two steps, gone back to, destroyed, shown."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.actions import credentials as actions
from accounts.credentials.dependants import Dependant, _sources, register_dependants
from accounts.errors import Conflict, Invalid
from accounts.models import AuditEvent, Credential, CredentialTest
from accounts.recent import CONFIRMED_AT
from accounts.tenancy import scope
from projects.models import Operation
from projects.operations import work
from projects.tasks import destroy_previous_secrets
from tests.accounts_credentials.material import secrets
from tests.cast import Cast, events
from tests.git.server import git, serving
from tests.identity.test_api import post


@pytest.fixture
def host(tmp_path: Path, settings: Settings) -> Iterator[str]:
    """A real git server with /project.git open and /private/… closed."""
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]
    git(tmp_path, "init", "-q", "project.git")
    (tmp_path / "project.git" / "a").write_text("a")
    git(tmp_path / "project.git", "add", "a")
    git(tmp_path / "project.git", "commit", "-qm", "a")
    with serving(tmp_path) as (url, _seen):
        yield url


def parts(host: str, token: str, *, path: str = "project.git") -> dict[str, Any]:
    return {"url": f"{host}/{path}", "token": token}


def bring(cast: Cast, host: str, token: str = "canary-one") -> str:
    body = {"name": "source", "kind": "git", "secret": parts(host, token)}
    made = post(cast.client("alice"), f"{cast.url}/credentials", body)
    assert made.status_code == 201, made.content
    return f"{cast.url}/credentials/{made.json()['id']}"


def run(cast: Cast, answer: Any) -> Operation:
    """Take a step of what was asked for, as a worker does."""
    assert answer.status_code == 202, answer.content
    with scope(cast.acme.pk):
        asked = Operation.objects.filter(kind="credential.test", state="queued").latest("id")
    work.run(cast.acme.pk, asked.pk)
    with scope(cast.acme.pk):
        return Operation.objects.get(pk=asked.pk)  # type: ignore[no-any-return]


def used(cast: Cast) -> bytes:
    with scope(cast.acme.pk):
        return Credential.objects.get().secret.reveal()  # type: ignore[no-any-return]


def test_a_test_is_an_operation_and_its_result_is_kept(cast: Cast, host: str) -> None:
    url, alice = bring(cast, host), cast.client("alice")
    ended = run(cast, post(alice, f"{url}/test", {}))
    assert (ended.state, ended.result["version"]) == ("succeeded", 1)
    shown = alice.get(url).json()
    assert (shown["tests"][0]["outcome"], shown["tests"][0]["version"]) == ("ok", 1)
    assert shown["parts"] == {"url": f"{host}/project.git", "username": "oauth2"}
    assert ("credential.tested", "ok", "alice") in events(cast.acme.pk)


def test_asking_twice_is_one_test(cast: Cast, host: str) -> None:
    url, alice = bring(cast, host), cast.client("alice")
    first, second = (post(alice, f"{url}/test", {}).json()["id"] for _index in range(2))
    assert first == second


def test_a_rotation_switches_only_to_what_has_passed(cast: Cast, host: str) -> None:
    url, alice = bring(cast, host), cast.client("alice")
    bad = run(cast, post(alice, f"{url}/rotation", {"secret": parts(host, "canary-two", path="private/x")}))
    assert (bad.state, "refuses" in bad.error) == ("failed", True)
    refused = post(alice, f"{url}/switch", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "credential.untested")
    assert b"canary-one" in used(cast)
    run(cast, post(alice, f"{url}/rotation", {"secret": parts(host, "canary-three")}))
    switched = post(alice, f"{url}/switch", {"grace_hours": 2}).json()
    assert (switched["version"], switched["candidate_version"], switched["previous_version"]) == (3, None, 1)
    assert b"canary-three" in used(cast)
    back = post(alice, f"{url}/roll-back", {}).json()
    assert (back["version"], back["previous_version"], b"canary-one" in used(cast)) == (1, 3, True)
    forth = post(alice, f"{url}/roll-back", {}).json()
    assert (forth["version"], b"canary-three" in used(cast)) == (3, True)
    assert post(alice, f"{url}/switch", {}).status_code == 409


def test_an_untested_secret_is_used_for_a_reason_only(cast: Cast, host: str) -> None:
    url, alice = bring(cast, host), cast.client("alice")
    assert post(alice, f"{url}/rotation", {"secret": parts(host, "canary-two")}).status_code == 202
    assert post(alice, f"{url}/switch", {"untested_reason": " "}).status_code in (400, 409)
    assert post(alice, f"{url}/switch", {"untested_reason": "only reachable from the fab"}).status_code == 200
    with scope(cast.acme.pk):
        event = AuditEvent.objects.get(action="credential.switch")
    assert event.detail == {"from": 1, "to": 2, "untested": "only reachable from the fab"}


def test_a_rotation_can_be_given_up(cast: Cast, host: str) -> None:
    url, alice = bring(cast, host), cast.client("alice")
    post(alice, f"{url}/rotation", {"secret": parts(host, "canary-two")})
    assert alice.delete(f"{url}/rotation").json()["candidate_version"] is None
    assert alice.delete(f"{url}/rotation").status_code == 409
    with connection.cursor() as cursor, scope(cast.acme.pk):
        cursor.execute("SELECT candidate FROM accounts_credential")
        assert cursor.fetchone()[0] is None


def test_what_was_used_before_is_destroyed_when_its_grace_is_over(committed_cast: Cast, host: str) -> None:
    cast = committed_cast
    url, alice = bring(cast, host), cast.client("alice")
    post(alice, f"{url}/rotation", {"secret": parts(host, "canary-two")})
    assert post(alice, f"{url}/switch", {"grace_hours": 1, "untested_reason": "a test"}).status_code == 200
    from tests.engines.fixtures import become

    with become("system"):
        assert destroy_previous_secrets() == 0
        with scope(cast.acme.pk):
            Credential.objects.update(previous_until=timezone.now() - timedelta(seconds=1))
        with pytest.raises(Conflict), cast.inside("alice"):
            actions.roll_back(Credential.objects.get())
        assert destroy_previous_secrets() == 1
        with scope(cast.acme.pk), connection.cursor() as cursor:
            cursor.execute("SELECT previous, previous_number, previous_until FROM accounts_credential")
            assert cursor.fetchone() == (None, None, None)
    assert ("credential.destroy", "ok", "portal") in events(cast.acme.pk)


def test_no_grace_keeps_nothing(cast: Cast, host: str) -> None:
    with cast.inside("alice"):
        made = actions.create_credential("a", "git", parts(host, "canary"), by="alice")
        actions.rotate(made, parts(host, "canary-two"), by="alice")
        changed = actions.switch(made, grace=timedelta(0), untested_reason="a test")
        assert changed.previous is None
        with pytest.raises(Invalid):
            actions.switch(made, grace=timedelta(days=31))


def test_a_switch_between_two_people_happens_once(cast: Cast, host: str) -> None:
    with cast.inside("alice"):
        made = actions.create_credential("a", "git", parts(host, "canary"), by="alice")
        actions.rotate(made, parts(host, "canary-two"), by="alice")
        stale = Credential.objects.get(pk=made.pk)
        actions.switch(made, untested_reason="a test")
        with pytest.raises(Conflict):
            actions.switch(stale, untested_reason="a test")


def test_what_is_relied_on_is_listed_and_not_forgotten(cast: Cast, host: str) -> None:
    url, alice = bring(cast, host), cast.client("alice")

    def source(credential: Credential) -> list[Dependant]:
        return [Dependant("Cluster", "fab-1", "clusters/")]

    register_dependants(source)
    try:
        assert alice.get(url).json()["dependants"][0]["label"] == "fab-1"
        assert alice.delete(url).json()["code"] == "credential.in_use"
    finally:
        _sources.remove(source)
    assert alice.delete(url).status_code == 204
    with scope(cast.acme.pk):
        assert not CredentialTest.objects.exists()


def fresh(client: Client, age: float = 0) -> Client:
    """A session whose person proved who they are so many seconds ago."""
    session = client.session
    session[CONFIRMED_AT] = time.time() - age
    session.save()
    return client


def stale(client: Client) -> Client:
    return fresh(client, 3600)


def test_a_secret_is_shown_to_a_fresh_owner_with_a_reason_and_to_nobody_else(cast: Cast, host: str) -> None:
    url, alice = bring(cast, host), cast.client("alice")
    why = {"reason": "the vendor asks for it"}
    assert post(stale(alice), f"{url}/reveal", why).json()["code"] == "sign_in.stale"
    assert post(fresh(cast.client("mia")), f"{url}/reveal", why).status_code == 403
    assert post(Client(), f"{url}/reveal", why, **cast.bearer("alice")).json()["code"] == "sign_in.stale"
    assert post(fresh(alice), f"{url}/reveal", {"reason": "  "}).status_code == 400
    shown = post(fresh(alice), f"{url}/reveal", why)
    assert shown.json()["secret"]["token"] == "canary-one"
    assert shown["Cache-Control"] == "no-store"
    with scope(cast.acme.pk):
        event = AuditEvent.objects.get(action="credential.reveal", outcome="ok")
    assert event.detail["reason"] == "the vendor asks for it"
    assert "canary" not in str(event.detail)


def test_what_cannot_be_recorded_is_not_shown(cast: Cast, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import DatabaseError

    url, alice = bring(cast, host), fresh(cast.client("alice"))
    monkeypatch.setattr(AuditEvent, "save", lambda *_a, **_o: (_ for _ in ()).throw(DatabaseError("full")))
    answer = post(alice, f"{url}/reveal", {"reason": "the vendor asks for it"})
    assert answer.status_code == 503
    assert b"canary" not in answer.content


def test_the_page_tests_rotates_and_shows(cast: Cast, host: str) -> None:
    url, alice = bring(cast, host), cast.client("alice")
    pk = UUID(url.rpartition("/")[2])
    page = f"/projects/{cast.acme.slug}/settings/account/credentials/{pk}/"
    assert b"Not tested yet" in alice.get(page).content
    assert alice.post(page, {"do": "test"}).status_code == 302
    assert b"Testing the connection" in alice.get(f"{page}status/").content
    with scope(cast.acme.pk):
        asked = Operation.objects.get(kind="credential.test")
    work.run(cast.acme.pk, asked.pk)
    assert alice.get(f"{page}status/")["HX-Refresh"] == "true"
    assert b"can be read" in alice.get(page).content
    form = {"url_part": f"{host}/project.git", "username_part": "oauth2", "token_part": "canary-two"}
    assert alice.post(f"{page}rotate/", form).status_code == 302
    assert alice.post(page, {"do": "switch", "grace_hours": "24"}).status_code == 400
    switch = {"do": "switch", "grace_hours": "24", "untested_reason": "a trial"}
    assert alice.post(page, switch).status_code == 302
    assert b"canary-two" in used(cast)
    assert alice.post(page, {"do": "back"}).status_code == 302
    asked_again = stale(alice).post(f"{page}reveal/", {"reason": "to compare"}, headers={"referer": "x"})
    assert (asked_again.status_code, "/sign-in/again/" in asked_again["Location"]) == (302, True)
    content = fresh(alice).post(f"{page}reveal/", {"reason": "to compare"}).content
    assert b"canary-one" in content
    assert b"canary" not in alice.get(page).content
    assert alice.post(page, {"do": "delete"}).status_code == 302


def test_nothing_of_a_secret_is_in_what_is_kept_beside_it(cast: Cast, host: str) -> None:
    """Rows of operations, their logs opened, tests, and the audit log."""
    url, alice = bring(cast, host), cast.client("alice")
    run(cast, post(alice, f"{url}/rotation", {"secret": parts(host, "canary-two", path="private/x")}))
    kept = [alice.get(f"{cast.url}/{what}").content for what in ("audit-events", "operations")]
    with scope(cast.acme.pk), connection.cursor() as cursor:
        for table in ("projects_operation", "accounts_credentialtest", "accounts_auditevent"):
            cursor.execute(f"SELECT string_agg(t::text, '') FROM {table} t")
            kept.append(cursor.fetchone()[0].encode())
        operation = Operation.objects.get(kind="credential.test")
    kept.append(alice.get(f"{cast.url}/operations/{operation.pk}/log").content)
    assert all(b"canary" not in text for text in kept)
    assert secrets()
