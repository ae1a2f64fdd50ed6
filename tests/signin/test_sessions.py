"""Sessions: listed, ended at once and everywhere, bounded in age and idleness, unreadable in the database."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.test import Client
from django.utils import timezone

from accounts import devices
from accounts.models import AuditEvent, Session, User
from accounts.sessions import ANONYMOUS_SECONDS, SessionStore, digest_of
from accounts.tasks import forget_ended_sessions
from accounts.tenancy import platform_scope
from tests.access_matrix.calls import Caller, call
from tests.access_matrix.routes import asgi_routes
from tests.cast import PASSWORD, Cast
from tests.datasets.web import NO_TLS, WebProcess

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def signed_in(name: str = "alice", **extra: Any) -> Client:
    client = Client()
    answer = client.post("/sign-in/", {"username": name, "password": PASSWORD}, **extra)
    assert answer.status_code == 302, answer.content
    return client


def key_of(client: Client) -> str:
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


def test_a_person_sees_where_they_are_signed_in_and_ends_one(cast: Cast) -> None:
    here, there = signed_in(HTTP_USER_AGENT=FIREFOX), signed_in(REMOTE_ADDR="192.0.2.9")
    page = here.get("/me/security/").content.decode()
    assert "Firefox 140, Linux" in page
    assert "192.0.2.9" in page
    listed = here.get("/api/v1/me/sessions").json()
    assert [row["current"] for row in listed].count(True) == 1
    other = next(row for row in listed if not row["current"])
    assert (other["ip"], other["device"]) == ("192.0.2.9", "Unknown device")
    assert here.post("/me/security/sessions/end/", {"session": other["id"]}).status_code == 302
    assert there.get("/").url.startswith("/sign-in/")
    assert here.get("/").status_code == 200


def test_the_api_ends_one_session_or_all_others_and_knows_only_ones_own(cast: Cast) -> None:
    here, there, charlie = signed_in(), signed_in(), signed_in("charlie")
    theirs = Session.objects.get(key_digest=digest_of(key_of(charlie)))
    missing = here.delete("/api/v1/me/sessions/01900000-0000-7000-8000-000000000000")
    foreign = here.delete(f"/api/v1/me/sessions/{theirs.pk}")
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert foreign.json()["detail"] == missing.json()["detail"]
    mine = Session.objects.get(key_digest=digest_of(key_of(there)))
    assert here.delete(f"/api/v1/me/sessions/{mine.pk}").status_code == 204
    assert there.get("/api/v1/me").status_code == 401
    again = signed_in()
    assert here.post("/api/v1/me/sessions/end-others").json() == {"count": 1}
    assert again.get("/api/v1/me").status_code == 401
    assert charlie.get("/api/v1/me").status_code == 200
    with platform_scope("auditor"):
        found = AuditEvent.objects.filter(action__startswith="session.", outcome="ok").values_list(
            "action", flat=True
        )
        assert sorted(found) == ["session.end", "session.end_others"]


def test_a_token_sees_and_ends_no_sessions(cast: Cast) -> None:
    bearer = cast.bearer("alice")
    for method, path in (("get", ""), ("post", "/end-others")):
        answer = getattr(Client(), method)(f"/api/v1/me/sessions{path}", **bearer)
        assert (answer.status_code, answer.json()["code"]) == (403, "session.only")


def test_an_ended_session_is_over_for_the_plain_asgi_doors_too(cast: Cast) -> None:
    client = signed_in("sam")
    route = next(route for route in asgi_routes() if route.methods.get("GET") == "operation.read")
    values = {"slug": cast.acme.slug, "operation_id": "01900000-0000-7000-8000-000000000000"}
    assert call(route, "GET", values, Caller("sam", client=client), None).status == 404
    Session.objects.filter(user=cast.sam).delete()
    assert call(route, "GET", values, Caller("sam", client=client), None).status == 401


def test_an_ended_session_is_over_at_once_in_every_process(
    committed_cast: Cast, committed_database: Any, tmp_path: Path
) -> None:
    """Two web processes; the session ends in one, and the very next request to the other is nobody's."""
    processes = [WebProcess(committed_database.environment(), tmp_path / f"{n}.log") for n in range(2)]
    try:
        for process in processes:
            process.start()
        cookies = {settings.SESSION_COOKIE_NAME: key_of(signed_in())}
        with httpx.Client(verify=NO_TLS, trust_env=False, cookies=cookies) as browser:
            answers = [browser.get(f"{process.url}/api/v1/me").status_code for process in processes]
            assert answers == [200, 200]
            Session.objects.all().delete()
            answers = [browser.get(f"{process.url}/api/v1/me").status_code for process in processes]
            assert answers == [401, 401]
    finally:
        for process in processes:
            process.stop()


def test_sessions_end_when_unused_and_when_old_however_much_they_are_used(cast: Cast) -> None:
    idle, old = signed_in(), signed_in()
    now = timezone.now()
    rows = Session.objects
    rows.filter(key_digest=digest_of(key_of(idle))).update(
        last_seen_at=now - timedelta(seconds=settings.SESSION_IDLE_SECONDS + 1)
    )
    assert idle.get("/").status_code == 302
    began = rows.get(key_digest=digest_of(key_of(old)))
    assert old.post("/sign-in/again/", {"password": PASSWORD}).status_code == 302
    renewed = rows.get(key_digest=digest_of(key_of(old)))
    assert renewed.pk != began.pk
    assert abs((renewed.expires_at - began.expires_at).total_seconds()) < 2, "a fresh key is no fresh session"
    rows.filter(pk=renewed.pk).update(expires_at=now - timedelta(seconds=1))
    assert old.get("/").status_code == 302
    forget_ended_sessions()
    assert not rows.filter(user=cast.alice).exists()


def test_use_is_noted_but_not_at_every_request(cast: Cast, django_assert_num_queries: Any) -> None:
    client = signed_in()
    row = Session.objects.get(key_digest=digest_of(key_of(client)))
    client.get("/me/")
    assert Session.objects.get(pk=row.pk).last_seen_at == row.last_seen_at
    Session.objects.filter(pk=row.pk).update(last_seen_at=timezone.now() - timedelta(minutes=5))
    client.get("/me/")
    assert timezone.now() - Session.objects.get(pk=row.pk).last_seen_at < timedelta(seconds=5)


def test_a_session_without_a_person_is_short(cast: Cast) -> None:
    store = SessionStore()
    store["x"] = 1
    store.save()
    left = Session.objects.get(key_digest=digest_of(str(store.session_key))).expires_at - timezone.now()
    assert left < timedelta(seconds=ANONYMOUS_SECONDS + 1)


def test_a_session_that_was_ended_meanwhile_is_not_brought_back(cast: Cast) -> None:
    store = SessionStore(key_of(signed_in()))
    store["x"] = 1
    Session.objects.all().delete()
    with pytest.raises(UpdateError):
        store.save()
    assert not Session.objects.exists()


def test_the_table_opens_no_session(cast: Cast) -> None:
    key = key_of(signed_in())
    row = Session.objects.get(user=cast.alice)
    stored = bytes(row.key_digest)
    assert key.encode() not in stored + row.data.encode()
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = stored.hex()
    assert thief.get("/").status_code == 302


def test_a_planted_key_is_not_taken_over(cast: Cast) -> None:
    victim = Client()
    victim.cookies[settings.SESSION_COOKIE_NAME] = "planted0planted0planted0planted0"
    victim.post("/sign-in/", {"username": "alice", "password": PASSWORD})
    assert key_of(victim) != "planted0planted0planted0planted0"
    attacker = Client()
    attacker.cookies[settings.SESSION_COOKIE_NAME] = "planted0planted0planted0planted0"
    assert attacker.get("/").status_code == 302


def test_changing_the_password_ends_the_others_and_forgets_their_devices(cast: Cast) -> None:
    here, there = signed_in(), signed_in()
    body = {
        "current": PASSWORD,
        "password": "a rather different sentence",
        "again": "a rather different sentence",
    }
    assert here.post("/password/", body).status_code == 302
    assert there.get("/").status_code == 302
    assert Session.objects.filter(user=cast.alice).count() == 1
    assert devices.KnownDevice.objects.filter(user=cast.alice).count() == 1
    assert here.get("/me/security/").status_code == 200


def test_cookies_are_for_scripts_and_strangers_not(cast: Cast) -> None:
    client = signed_in()
    for name in (settings.SESSION_COOKIE_NAME, settings.DEVICE_COOKIE_NAME):
        cookie = client.cookies[name]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert cookie["path"] == "/"
        assert not cookie["domain"]
    client.get("/me/")
    assert client.cookies[settings.CSRF_COOKIE_NAME]["httponly"]


def test_over_https_cookies_belong_to_this_host_alone(tmp_path: Path) -> None:
    """Settings of a process behind https, as that process reads them."""
    import os
    import subprocess
    import sys

    names = [
        *("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "DEVICE_COOKIE_NAME"),
        *("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "REQUIRE_MFA"),
    ]
    values = f"[getattr(settings, name) for name in {names}]"
    code = f"import json; from django.conf import settings; print(json.dumps({values}))"
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PORTAL_", "DATABASE_"))}
    environment = kept | {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PORTAL_HOME": str(tmp_path),
        "PORTAL_BASE_URL": "https://portal.example.com",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [
        "__Host-session",
        "__Host-csrf",
        "__Host-device",
        True,
        True,
        "admins",
    ]


def test_tries_to_sign_in_as_me_are_on_my_page_whoever_made_them(cast: Cast) -> None:
    client = signed_in()
    Client().post("/sign-in/", {"username": "alice", "password": "no no no no"}, REMOTE_ADDR="192.0.2.66")
    Client().post("/sign-in/", {"username": "bob", "password": "no no no no"}, REMOTE_ADDR="192.0.2.77")
    page = client.get("/me/security/").content.decode()
    assert "192.0.2.66" in page
    assert "192.0.2.77" not in page
    listed = client.get("/api/v1/me/sign-ins").json()
    assert [(row["outcome"], row["ip"]) for row in listed] == [("failed", "192.0.2.66"), ("ok", "127.0.0.1")]


@pytest.mark.parametrize("session", ["x", "01900000-0000-7000-8000-000000000000", "\x00"])
def test_ending_what_is_not_there_is_no_error_of_ours(cast: Cast, session: str) -> None:
    answer = cast.client("alice").post("/me/security/sessions/end/", {"session": session})
    assert answer.status_code in (302, 404)


def test_a_deactivated_persons_session_is_nobodys(cast: Cast) -> None:
    client = signed_in()
    User.objects.filter(pk=cast.alice.pk).update(is_active=False)
    assert client.get("/").status_code == 302


@pytest.mark.parametrize(
    ("user_agent", "shown"),
    [
        (FIREFOX, "Firefox 140, Linux"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.1 Safari/605.1.15", "Safari 18, macOS"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/139.0.0.0 Safari/537.36 Edg/139.0.0.0", "Edge 139, Windows"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/139.0.0.0 Mobile Safari/537.36", "Chrome 139, Android"),
        ("<script>alert(1)</script>", "Unknown device"),
        ("", "Unknown device"),
    ],
)  # fmt: skip
def test_devices_have_names_that_people_know(user_agent: str, shown: str) -> None:
    assert devices.describe(user_agent) == shown
