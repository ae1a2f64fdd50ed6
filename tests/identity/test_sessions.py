"""Signing in and out, passwords, preferences."""

import re
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import AuditEvent, Session, User
from accounts.sessions import digest_of
from accounts.tenancy import platform_scope
from tests.cast import PASSWORD, Cast

NEW = "a rather different sentence"


def sign_in(
    username: str, password: str, client: Client | None = None, **fields: str
) -> tuple[Client, object]:
    client = client or Client()
    return client, client.post("/sign-in/", {"username": username, "password": password, **fields})


def recorded(action: str) -> list[AuditEvent]:
    with platform_scope("auditor"):
        return list(AuditEvent.objects.filter(action=action).order_by("at"))


def test_a_person_signs_in_under_a_fresh_session_key(cast: Cast) -> None:
    client = Client()
    client.get("/sign-in/")
    client.session["seen"] = True
    planted = client.session.session_key
    _client, answer = sign_in("ALICE", PASSWORD, client)
    assert (answer.status_code, answer.url) == (302, "/")
    assert client.session.session_key != planted
    assert client.get("/").status_code == 200
    event = recorded("user.sign_in")[-1]
    assert (event.outcome, event.actor_label, event.target_label) == ("ok", "alice", "alice")


def test_nobody_learns_whether_the_name_or_the_password_was_wrong(cast: Cast) -> None:
    User.objects.filter(pk=cast.bob.pk).update(is_active=False)
    answers = [
        sign_in("alice", "wrong wrong wrong")[1],
        sign_in("nobody", "wrong wrong wrong")[1],
        sign_in("bob", PASSWORD)[1],
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    alerts = [
        re.findall(r'role="alert">(.*?)</form>', answer.content.decode(), re.DOTALL)[0] for answer in answers
    ]
    shown = [re.sub(r'value="(alice|nobody|bob)"', "", alert) for alert in alerts]
    assert shown[0] == shown[1] == shown[2]
    assert "The username or the password is wrong." in shown[0]
    events = recorded("user.sign_in")
    assert [event.outcome for event in events] == ["failed"] * 3
    assert [event.target_label for event in events] == ["alice", "", "bob"]
    assert all("wrong" not in str(event.detail) and event.actor_kind == "anonymous" for event in events)


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "http:///evil",
        "x",
    ],
)
def test_nobody_is_sent_elsewhere_after_signing_in(cast: Cast, wanted: str) -> None:
    assert sign_in("alice", PASSWORD, next=wanted)[1].url == "/"


def test_a_person_comes_back_to_where_they_were_going(cast: Cast) -> None:
    url = f"/projects/{cast.acme.slug}/settings/members/"
    asked = Client().get(url)
    assert asked.status_code == 302
    client, answer = sign_in("bob", PASSWORD, next=url)
    assert answer.url == url
    assert client.get(url).status_code == 200


def test_a_form_that_came_too_late_is_said_not_to_be_done_and_leads_back_to_its_page(cast: Cast) -> None:
    form = f"/projects/{cast.acme.slug}/training/projects/new/"
    late = Client()
    answer = late.post(form, {"name": "late"}, HTTP_REFERER=f"http://testserver{form}?from=list")
    assert answer.url == f"/sign-in/?{urlencode({'next': form + '?from=list'})}"
    assert "What you sent was not done" in late.get(answer.url).content.decode()
    # An address that takes posts alone leads back to the page with the button, not to itself.
    ended = Client().post("/me/security/sessions/end/", HTTP_REFERER="http://testserver/me/security/")
    assert ended.url == f"/sign-in/?{urlencode({'next': '/me/security/'})}"


@pytest.mark.parametrize("referrer", ["https://evil.example/x", "", "http://testserver/?q=" + "x" * 20_000])
def test_a_late_form_of_elsewhere_leads_nowhere(cast: Cast, referrer: str) -> None:
    answer = Client().post(f"/projects/{cast.acme.slug}/datasets/new/", HTTP_REFERER=referrer)
    assert (answer.status_code, answer.url) == (302, "/sign-in/")


def test_an_endless_address_still_leads_to_sign_in(cast: Cast) -> None:
    answer = Client().get(f"/projects/{cast.acme.slug}/", {"q": "x" * 20_000})
    assert (answer.status_code, answer.url) == (302, "/sign-in/")


def test_a_piece_of_a_page_leads_to_the_whole_page(cast: Cast) -> None:
    page = f"/projects/{cast.acme.slug}/training/1/"
    headers = {"HTTP_HX_REQUEST": "true", "HTTP_HX_CURRENT_URL": f"http://testserver{page}"}
    answer = Client().get(f"/projects/{cast.acme.slug}/summary/", **headers)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == f"/sign-in/?{urlencode({'next': page})}"


def test_signing_out_ends_the_session_on_the_server(cast: Cast) -> None:
    client, _answer = sign_in("alice", PASSWORD)
    stolen = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/").status_code == 302
    assert not Session.objects.filter(key_digest=digest_of(stolen)).exists()
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = stolen
    assert thief.get("/").status_code == 302
    assert recorded("user.sign_out")[-1].actor_label == "alice"


def test_a_one_time_password_opens_nothing_but_the_password_page(cast: Cast) -> None:
    User.objects.filter(pk=cast.alice.pk).update(must_change_password=True)
    client, answer = sign_in("alice", PASSWORD)
    assert answer.url.startswith("/password/")
    for path in ("/", f"/projects/{cast.acme.slug}/", "/me/"):
        assert client.get(path).url.startswith("/password/")
    assert client.get("/api/v1/me").status_code == 403
    same = client.post("/password/", {"password": PASSWORD, "again": PASSWORD})
    assert same.status_code == 400
    assert client.post("/password/", {"password": NEW, "again": NEW}).status_code == 302
    assert client.get("/").status_code == 200
    assert recorded("user.password")[-1].outcome == "ok"


def test_changing_a_password_takes_the_current_one_and_ends_other_sessions(cast: Cast) -> None:
    here, _answer = sign_in("alice", PASSWORD)
    there, _answer = sign_in("alice", PASSWORD)
    wrong = here.post("/password/", {"current": "not this one", "password": NEW, "again": NEW})
    assert wrong.status_code == 400
    assert recorded("user.password")[-1].outcome == "failed"
    assert here.post("/password/", {"current": PASSWORD, "password": NEW, "again": NEW}).status_code == 302
    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 302
    assert sign_in("alice", PASSWORD)[1].status_code == 401
    assert sign_in("alice", NEW)[1].status_code == 302


@pytest.mark.parametrize("weak", ["short", "password1234"])
def test_weak_passwords_are_refused(cast: Cast, weak: str) -> None:
    client = cast.client("alice")
    answer = client.post("/password/", {"current": PASSWORD, "password": weak, "again": weak})
    assert answer.status_code == 400
    cast.alice.refresh_from_db()
    assert cast.alice.check_password(PASSWORD)


def test_preferences_follow_the_person(cast: Cast) -> None:
    client = cast.client("alice")
    saved = client.post("/me/", {"name": "앨리스", "email": "", "language": "ko", "theme": "dark"})
    assert saved.status_code == 302
    assert client.cookies[settings.LANGUAGE_COOKIE_NAME].value == "ko"
    assert b'lang="ko"' in client.get("/me/").content
    elsewhere, _answer = sign_in("alice", PASSWORD)
    assert elsewhere.cookies["theme"].value == "dark"
    page = elsewhere.get("/").content
    assert b'lang="ko"' in page
    assert b'data-theme="dark"' in page
    assert client.post("/me/", {"name": "", "email": "no", "language": "xx", "theme": "x"}).status_code == 400


def test_passwords_are_hashed_with_argon2(cast: Cast) -> None:
    assert User.objects.get(username="alice").password.startswith("argon2")


@pytest.mark.parametrize("username", ["a\x00b", "x" * 65, ""])
def test_nonsense_is_a_400(cast: Cast, username: str) -> None:
    assert sign_in(username, PASSWORD)[1].status_code == 400


def test_an_endless_password_is_not_hashed(cast: Cast) -> None:
    assert sign_in("alice", "x" * 100_000)[1].status_code == 400
