"""Passkeys with Debian's Chromium and its virtual authenticator, against the web process as it runs in production."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest
from django.conf import settings
from django.test import Client, override_settings
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page

from tests.browser import launched
from tests.cast import PASSWORD, Cast
from tests.datasets.web import ROOT, WebProcess
from tests.signin.database import rows


@pytest.fixture
def web(committed_cast: Cast, committed_database: Any, tmp_path: Path) -> Iterator[str]:
    """A web process of this test's own, at http://localhost:…, where browsers offer passkeys."""
    process = WebProcess(committed_database.environment(), tmp_path / "web.log")
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--no-input", "-v0"],
        env=process._environment,
        cwd=ROOT,
        check=True,
    )
    process.start()
    yield f"http://localhost:{process.port}"
    process.stop()


@pytest.fixture
def browser(web: str) -> Iterator[Browser]:
    """A browser that starts after the database is made, and ends before that goes: see `tests.browser`."""
    yield from launched()


def authenticator(page: Page, **options: Any) -> tuple[CDPSession, str]:
    """Plug a virtual authenticator into this page (Chrome DevTools Protocol, domain WebAuthn)."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    made = session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
                **options,
            }
        },
    )
    return session, made["authenticatorId"]


def sign_in(page: Page, web: str) -> None:
    page.goto(f"{web}/sign-in/")
    page.fill("#id_username", "alice")
    page.fill("#id_password", PASSWORD)
    page.click("main button[type=submit]")


def ready(page: Page) -> None:
    page.wait_for_selector("html[data-ready]")


def make(page: Page, web: str, name: str = "blue key") -> None:
    page.goto(f"{web}/me/security/passkeys/new/")
    ready(page)
    page.fill("#id_name", name)
    page.click("[data-passkey-button]")


def leave(context: BrowserContext, page: Page, web: str) -> None:
    """Sign out by forgetting the session, in the browser alone."""
    context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.goto(f"{web}/sign-in/")


def open_page(browser: Browser) -> tuple[BrowserContext, Page, list[str]]:
    context = browser.new_context()
    page = context.new_page()
    complaints: list[str] = []
    page.on(
        "console",
        lambda message: complaints.append(message.text) if "Content Security" in message.text else None,
    )
    return context, page, complaints


def test_a_passkey_signs_in_alone_and_as_second_step_and_as_fresh_proof(
    browser: Browser, web: str, committed_database: Any
) -> None:
    context, page, complaints = open_page(browser)
    authenticator(page)
    sign_in(page, web)
    make(page, web)
    page.wait_for_selector("text=Copy them now.")
    page.goto(f"{web}/me/security/")
    assert page.locator("text=blue key").count() == 1
    leave(context, page, web)
    page.click("text=Sign in with a passkey")
    ready(page)
    page.click("[data-passkey-button]")
    page.wait_for_url(f"{web}/")
    leave(context, page, web)
    sign_in(page, web)
    assert page.url.startswith(f"{web}/sign-in/second/")
    page.goto(f"{web}/me/")
    assert "/sign-in/?" in page.url, "half signed in is nobody"
    page.goto(f"{web}/sign-in/second/?next=/me/")
    ready(page)
    page.click("[data-passkey-button]")
    page.wait_for_url(f"{web}/me/")
    page.goto(f"{web}/sign-in/again/?next=/me/security/")
    ready(page)
    page.click("[data-passkey-button]")
    page.wait_for_url(f"{web}/me/security/")
    assert complaints == []
    found = rows(
        committed_database.name,
        "SELECT action, outcome, detail ->> 'by' FROM accounts_auditevent"
        " WHERE action IN ('user.sign_in', 'mfa.enable', 'user.sign_in_again', 'user.first_step') ORDER BY at",
    )
    assert found == [
        ("user.sign_in", "ok", "password"),
        ("mfa.enable", "ok", None),
        ("user.sign_in", "ok", "passkey"),
        ("user.first_step", "ok", "password"),
        ("user.sign_in", "ok", "password, passkey"),
        ("user.sign_in_again", "ok", "passkey"),
    ]
    context.close()


def test_an_answer_counts_once_and_only_for_its_challenge(browser: Browser, web: str) -> None:
    context, page, _complaints = open_page(browser)
    authenticator(page)
    sign_in(page, web)
    make(page, web)
    page.wait_for_selector("text=Copy them now.")
    leave(context, page, web)
    sent: list[str] = []
    page.on(
        "request", lambda request: sent.append(request.post_data or "") if request.method == "POST" else None
    )
    page.click("text=Sign in with a passkey")
    ready(page)
    page.click("[data-passkey-button]")
    page.wait_for_url(f"{web}/")
    answer = next(body for body in sent if "credential=" in body)
    leave(context, page, web)
    page.goto(f"{web}/sign-in/passkey/")
    token = page.locator("main [name=csrfmiddlewaretoken]").input_value()
    fields = dict(pair.split("=", 1) for pair in answer.split("&"))
    replayed = page.request.post(
        f"{web}/sign-in/passkey/",
        form={"csrfmiddlewaretoken": token, "credential": unquote_plus(fields["credential"])},
        headers={"Referer": f"{web}/sign-in/passkey/"},
        max_redirects=0,
    )
    assert replayed.status == 400
    assert "was not accepted" in replayed.text()
    context.close()


def test_a_device_that_asks_for_no_finger_is_not_enough(browser: Browser, web: str) -> None:
    context, page, _complaints = open_page(browser)
    authenticator(page, isUserVerified=False)
    sign_in(page, web)
    make(page, web)
    page.wait_for_selector("[data-passkey-message]:not([hidden])", timeout=90_000)
    page.goto(f"{web}/me/security/")
    assert page.locator("text=blue key").count() == 0
    context.close()


def test_a_copied_passkey_is_noticed_by_its_counter(browser: Browser, web: str) -> None:
    context, page, _complaints = open_page(browser)
    session, identifier = authenticator(page)
    sign_in(page, web)
    make(page, web)
    page.wait_for_selector("text=Copy them now.")
    copied = session.send("WebAuthn.getCredentials", {"authenticatorId": identifier})["credentials"][0]
    for _ in range(2):
        leave(context, page, web)
        page.goto(f"{web}/sign-in/passkey/")
        ready(page)
        page.click("[data-passkey-button]")
        page.wait_for_url(f"{web}/")
    session.send(
        "WebAuthn.removeCredential", {"authenticatorId": identifier, "credentialId": copied["credentialId"]}
    )
    session.send("WebAuthn.addCredential", {"authenticatorId": identifier, "credential": copied})
    leave(context, page, web)
    page.goto(f"{web}/sign-in/passkey/")
    ready(page)
    page.click("[data-passkey-button]")
    page.wait_for_selector("text=was not accepted")
    context.close()


NO_SIGNATURE = {"clientDataJSON": "e30", "authenticatorData": "AA", "signature": "AA"}
NONSENSE = [
    *("", "{}", "[]", "null", "x", '{"id":"x"}', '{"rawId": 1, "response": "x"}', "[" * 5000),
    json.dumps({"id": "eA", "rawId": "eA", "response": {}, "type": "public-key"}),
    json.dumps({"id": "eA", "rawId": "eA", "response": NO_SIGNATURE}),
]


@pytest.mark.parametrize("answer", NONSENSE)
def test_nonsense_is_refused_in_one_way(cast: Cast, answer: str) -> None:
    with override_settings(ALLOWED_HOSTS=["localhost"]):
        client = Client(SERVER_NAME="localhost")
        assert client.get("/sign-in/passkey/").status_code == 200
        refused = client.post("/sign-in/passkey/", {"credential": answer})
        assert refused.status_code == 400


def test_where_browsers_offer_none_the_page_says_so(cast: Cast) -> None:
    page = cast.client("alice").get("/me/security/passkeys/new/", SERVER_NAME="127.0.0.1").content.decode()
    assert "Passkeys need https" in page
