"""Authenticator apps and recovery codes, by real codes; and every way around the second step."""

import base64
import hmac
import re
import threading
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client

from accounts import audit, totp
from accounts.actions import factors
from accounts.crypto import SealError
from accounts.errors import Unauthenticated
from accounts.models import AuditEvent, Factor, RecoveryCode, User
from accounts.tenancy import platform_scope
from tests.access_matrix.calls import Caller, call
from tests.access_matrix.routes import asgi_routes, every_route
from tests.cast import PASSWORD, Cast
from tests.engines.fixtures import Engines

APP = "/me/security/app/"


def actions() -> list[tuple[str, str]]:
    with platform_scope("auditor"):
        rows = (
            AuditEvent.objects.filter(account_id=None).order_by("at", "id").values_list("action", "outcome")
        )
        return [row for row in rows if row[0].startswith(("mfa", "user.s", "user.f"))]


def code_for(user: User, steps: int = 0) -> str:
    """The code that this person's app shows, as the app works it out from its secret."""
    secret = Factor.objects.filter(user=user, kind="totp").latest("created_at").secret.reveal()
    return totp.code_of(secret, totp.step_now() + steps)


def set_up(cast: Cast, name: str = "alice") -> tuple[Client, list[str]]:
    """Set an app up by the page; returns the browser and the recovery codes."""
    client = cast.client(name)
    page = client.get(APP).content.decode()
    assert "<svg" in page
    answer = client.post(APP, {"code": code_for(cast.people[name], -1)})
    found = re.findall(r"\b(?:[2-9a-hjkmnp-z]{4}-){2}[2-9a-hjkmnp-z]{4}\b", answer.content.decode())
    codes = list(dict.fromkeys(found))
    assert len(codes) == factors.RECOVERY_CODES, answer.content.decode()
    return client, codes


def half_in(name: str = "alice", **extra: Any) -> Client:
    client = Client()
    answer = client.post("/sign-in/", {"username": name, "password": PASSWORD}, **extra)
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/second/")
    return client


def test_codes_are_those_of_the_standard() -> None:
    """RFC 6238, appendix B (SHA-1), the last six digits."""
    secret = b"12345678901234567890"
    known = {
        59: "287082",
        1111111109: "081804",
        1111111111: "050471",
        1234567890: "005924",
        20000000000: "353130",
    }
    assert {at: totp.code_of(secret, at // 30) for at in known} == known


def test_an_app_is_set_up_with_its_first_code_and_asked_for_from_then_on(cast: Cast) -> None:
    set_up(cast)
    cast.alice.refresh_from_db()
    assert cast.alice.second_factor_at is not None
    client = half_in()
    assert client.post("/sign-in/second/", {"code": "000000"}).status_code == 401
    answer = client.post("/sign-in/second/?next=/me/", {"code": code_for(cast.alice), "next": "/me/"})
    assert (answer.status_code, answer["Location"]) == (302, "/me/")
    assert client.get("/me/").status_code == 200
    assert actions() == [
        ("mfa.enable", "ok"),
        ("mfa.recovery_codes", "ok"),
        ("user.first_step", "ok"),
        ("user.second_step", "failed"),
        ("user.sign_in", "ok"),
    ]


def test_a_wrong_first_code_sets_nothing_up(cast: Cast) -> None:
    client = cast.client("alice")
    client.get(APP)
    for wrong in ("000000", "abc", "", "1" * 40):
        assert client.post(APP, {"code": wrong}).status_code == 400
    cast.alice.refresh_from_db()
    assert cast.alice.second_factor_at is None
    assert factors.factors_of(cast.alice) == []


def test_the_page_keeps_its_secret_until_the_code_is_right(cast: Cast) -> None:
    client = cast.client("alice")
    find = re.compile(r'<code class="secret">([A-Z2-7 ]+)</code>')
    first = find.search(client.get(APP).content.decode())
    second = find.search(client.post(APP, {"code": "000000"}).content.decode())
    assert first
    assert second
    assert first[1] == second[1]
    assert "no-store" in client.get(APP)["Cache-Control"]


def test_a_code_is_taken_once(cast: Cast) -> None:
    set_up(cast)
    code = code_for(cast.alice)
    assert half_in().post("/sign-in/second/", {"code": code}).status_code == 302
    assert half_in().post("/sign-in/second/", {"code": code}).status_code == 401
    assert half_in().post("/sign-in/second/", {"code": code_for(cast.alice, -1)}).status_code == 401, (
        "nor an older"
    )
    assert half_in().post("/sign-in/second/", {"code": code_for(cast.alice, 1)}).status_code == 302


def test_a_recovery_code_stands_in_once_however_it_is_typed(cast: Cast) -> None:
    _client, codes = set_up(cast)
    typed = f" {codes[0].upper().replace('-', ' ')} "
    assert half_in().post("/sign-in/second/", {"code": typed}).status_code == 302
    assert half_in().post("/sign-in/second/", {"code": codes[0]}).status_code == 401
    assert factors.codes_left(cast.alice) == factors.RECOVERY_CODES - 1
    assert ("mfa.recovery_code_used", "ok") in actions()


def test_recovery_codes_are_kept_under_the_pepper_and_old_ones_work_until_they_are_used(cast: Cast) -> None:
    _client, codes = set_up(cast)
    rows = list(RecoveryCode.objects.filter(user=cast.alice))
    assert {row.pepper_version for row in rows} == {1}
    by_secret_key = [_as_before(cast, code.replace("-", "")) for code in codes]
    assert not {bytes(row.digest) for row in rows} & set(by_secret_key), (
        "the secret key alone checks no guess"
    )
    RecoveryCode.objects.filter(pk=rows[0].pk).update(digest=by_secret_key[0], pepper_version=None)
    RecoveryCode.objects.exclude(pk=rows[0].pk).update(pepper_version=99)  # a platform's key that is gone
    assert half_in().post("/sign-in/second/", {"code": codes[0]}).status_code == 302
    assert half_in().post("/sign-in/second/", {"code": codes[0]}).status_code == 401
    for code in codes[1:3]:
        assert half_in().post("/sign-in/second/", {"code": code}).status_code == 401


def _as_before(cast: Cast, code: str) -> bytes:
    """A code's digest as it was kept before there was a pepper."""
    text = f"recovery\0{cast.alice.pk}\0{code}"
    return hmac.digest(settings.SECRET_KEY.encode(), text.encode(), "sha256")


def test_somebody_elses_recovery_code_is_none_of_mine(cast: Cast) -> None:
    _client, theirs = set_up(cast, "bob")
    set_up(cast)
    assert half_in().post("/sign-in/second/", {"code": theirs[0]}).status_code == 401


@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_of_many_at_once_one_gets_in_with_a_code(committed_cast: Cast, kind: str) -> None:
    _client, codes = set_up(committed_cast)
    code = codes[0] if kind == "recovery" else code_for(committed_cast.alice)
    passed, start = [], threading.Barrier(8)

    def race() -> None:
        try:
            start.wait()
            with audit.acting_as(audit.SYSTEM, via="page"):
                passed.append(factors.take_code(committed_cast.alice, code))
        except Unauthenticated:
            return
        finally:
            connection.close()

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 1


def test_half_signed_in_is_nobody_to_every_page_and_every_api(cast: Cast) -> None:
    set_up(cast)
    client = half_in()
    values = {"slug": cast.acme.slug}
    tried = 0
    for route in every_route():
        if route.arguments() or route.door == "none" or not route.methods:
            continue
        for method in route.methods:
            answer = call(route, method, values, Caller("half", client=client), None)
            at_sign_in = answer.status == 302 and answer.location.startswith("/sign-in/?")
            assert answer.status == 401 or at_sign_in or answer.location == "/sign-in/", (
                method,
                route,
                answer,
            )
            tried += 1
    assert tried > 40
    for path in ("/me/", "/me/security/", APP, "/me/security/passkeys/new/", "/password/", "/sign-in/again/"):
        assert client.get(path)["Location"].startswith("/sign-in/?"), path
    assert client.post("/me/security/recovery-codes/")["Location"] == "/sign-in/"


def test_half_signed_in_is_nobody_to_the_plain_asgi_doors(cast: Cast) -> None:
    set_up(cast)
    client = half_in()
    route = next(route for route in asgi_routes() if route.methods.get("GET") == "operation.read")
    values = {"slug": cast.acme.slug, "operation_id": "01900000-0000-7000-8000-000000000000"}
    assert call(route, "GET", values, Caller("half", client=client), None).status == 401


def test_the_second_step_needs_the_first_and_not_for_long(cast: Cast) -> None:
    set_up(cast)
    assert Client().post("/sign-in/second/", {"code": code_for(cast.alice)})["Location"] == "/sign-in/"
    client = half_in()
    session = client.session
    session["half_signed_in"] = {**session["half_signed_in"], "at": session["half_signed_in"]["at"] - 601}
    session.save()
    assert client.post("/sign-in/second/", {"code": code_for(cast.alice)})["Location"] == "/sign-in/"


def test_a_changed_password_or_a_deactivated_person_ends_what_is_half_done(cast: Cast) -> None:
    set_up(cast)
    client = half_in()
    cast.alice.refresh_from_db()
    cast.alice.set_password("a rather different sentence")
    cast.alice.save()
    assert client.get("/sign-in/second/")["Location"] == "/sign-in/"
    assert client.post("/sign-in/second/", {"code": code_for(cast.alice)})["Location"] == "/sign-in/"


def test_the_session_key_changes_at_both_steps(cast: Cast) -> None:
    set_up(cast)
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = "planted0planted0planted0planted0"
    client.post("/sign-in/", {"username": "alice", "password": PASSWORD})
    first = client.cookies[settings.SESSION_COOKIE_NAME].value
    client.post("/sign-in/second/", {"code": code_for(cast.alice)})
    second = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert len({"planted0planted0planted0planted0", first, second}) == 3
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = first
    assert thief.get("/me/").status_code == 302


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_the_second_step_sends_nobody_elsewhere(cast: Cast, wanted: str) -> None:
    set_up(cast)
    answer = half_in().post("/sign-in/second/", {"code": code_for(cast.alice), "next": wanted})
    assert answer["Location"] == "/"


def test_guessing_codes_has_an_end_and_strangers_do_not_end_mine(cast: Cast) -> None:
    set_up(cast)
    client = half_in()
    codes = [client.post("/sign-in/second/", {"code": "000000"}).status_code for _ in range(6)]
    assert codes == [401] * 5 + [429]
    assert client.post("/sign-in/second/", {"code": code_for(cast.alice)}).status_code == 429


def test_every_change_asks_for_a_fresh_proof(cast: Cast) -> None:
    set_up(cast)
    stale = cast.client("alice", signed_in=600)
    factor = Factor.objects.get(user=cast.alice)
    for method, path, body in (
        ("get", APP, {}),
        ("get", "/me/security/passkeys/new/", {}),
        ("post", "/me/security/factors/remove/", {"factor": factor.pk}),
        ("post", "/me/security/recovery-codes/", {}),
    ):
        answer = getattr(stale, method)(path, body)
        assert answer["Location"].startswith("/sign-in/again/?"), path
    answer = stale.delete(f"/api/v1/me/factors/{factor.pk}")
    assert (answer.status_code, answer.json()["code"]) == (403, "sign_in.stale")
    answer = stale.post("/api/v1/me/recovery-codes")
    assert (answer.status_code, answer.json()["code"]) == (403, "sign_in.stale")
    assert Factor.objects.filter(pk=factor.pk).exists()


def test_forms_from_elsewhere_change_nothing(cast: Cast) -> None:
    """CSRF, with the checks that tests usually switch off."""
    set_up(cast)
    victim = Client(enforce_csrf_checks=True)
    victim.cookies = cast.client("alice").cookies
    factor = Factor.objects.get(user=cast.alice)
    for path, body in (
        ("/me/security/factors/remove/", {"factor": factor.pk}),
        ("/me/security/recovery-codes/", {}),
        ("/me/security/sessions/end/", {}),
        ("/sign-in/again/", {"password": PASSWORD}),
        ("/sign-in/", {"username": "alice", "password": PASSWORD}),
    ):
        assert victim.post(path, body).status_code == 403, path
    assert Factor.objects.filter(pk=factor.pk).exists()


def test_taking_the_last_one_away_takes_the_recovery_codes_too(cast: Cast) -> None:
    client, _codes = set_up(cast)
    listed = client.get("/api/v1/me/factors").json()
    assert [row["kind"] for row in listed["factors"]] == ["totp"]
    assert listed["recovery_codes_left"] == factors.RECOVERY_CODES
    assert (
        client.post("/me/security/factors/remove/", {"factor": listed["factors"][0]["id"]}).status_code == 302
    )
    cast.alice.refresh_from_db()
    assert cast.alice.second_factor_at is None
    assert not RecoveryCode.objects.filter(user=cast.alice).exists()
    assert Client().post("/sign-in/", {"username": "alice", "password": PASSWORD})["Location"] == "/"


def test_somebody_elses_factor_is_not_there(cast: Cast) -> None:
    set_up(cast, "bob")
    theirs = Factor.objects.get(user=cast.bob)
    client, _codes = set_up(cast)
    answer = client.delete(f"/api/v1/me/factors/{theirs.pk}")
    missing = client.delete("/api/v1/me/factors/01900000-0000-7000-8000-000000000000")
    assert (answer.status_code, answer.json()["code"]) == (missing.status_code, missing.json()["code"])
    assert client.post("/me/security/factors/remove/", {"factor": theirs.pk}).status_code == 404
    assert Factor.objects.filter(pk=theirs.pk).exists()


def test_new_recovery_codes_replace_the_old_ones(cast: Cast) -> None:
    client, old = set_up(cast)
    made = client.post("/api/v1/me/recovery-codes").json()["codes"]
    assert len(set(made)) == factors.RECOVERY_CODES
    assert half_in().post("/sign-in/second/", {"code": old[0]}).status_code == 401
    assert half_in().post("/sign-in/second/", {"code": made[0]}).status_code == 302


def test_a_required_second_factor_opens_nothing_but_its_set_up(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "REQUIRE_MFA", "admins")
    client = Client()
    answer = client.post("/sign-in/", {"username": "root", "password": PASSWORD})
    assert answer["Location"].startswith("/me/security/")
    assert client.get("/platform/accounts/")["Location"] == "/me/security/"
    assert client.get("/api/v1/me").json()["code"] == "second_factor.set_up_first"
    route = next(route for route in asgi_routes() if route.methods.get("GET") == "operation.read")
    values = {"slug": cast.acme.slug, "operation_id": "01900000-0000-7000-8000-000000000000"}
    assert call(route, "GET", values, Caller("root", client=client), None).status == 403
    assert "Set up a second factor" in client.get("/me/security/").content.decode()
    client.get(APP)
    assert client.post(APP, {"code": code_for(cast.root, -1)}).status_code == 200
    assert client.get("/platform/accounts/").status_code == 200
    assert cast.client("alice").get("/").status_code == 200, "who is no admin is not asked"
    monkeypatch.setattr(settings, "REQUIRE_MFA", "everyone")
    assert cast.client("alice").get("/")["Location"] == "/me/security/"


def test_a_one_time_password_is_changed_before_anything_is_set_up(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "REQUIRE_MFA", "everyone")
    User.objects.filter(pk=cast.alice.pk).update(must_change_password=True)
    client = cast.client("alice")
    for path in (APP, "/me/security/", "/sign-in/again/"):
        assert client.get(path)["Location"] == "/password/"


def test_an_operator_resets_who_has_lost_everything(cast: Cast) -> None:
    client, _codes = set_up(cast)
    call_command("resetfactors", "alice")
    assert client.get("/").status_code == 302
    assert Client().post("/sign-in/", {"username": "alice", "password": PASSWORD})["Location"] == "/"
    assert ("mfa.reset", "ok") in actions()


def test_the_secret_is_nowhere_in_a_dump_of_the_database(
    committed_cast: Cast, committed_database: Any, engines: Engines
) -> None:
    """Bytes, base32, hexadecimal, base64: of the app that is set up, and of the one that only began."""
    _client, codes = set_up(committed_cast)
    committed_cast.client("bob").get(APP)
    secrets = [factor.secret.reveal() for factor in Factor.objects.all()]
    assert len(secrets) == 2
    with connection.cursor() as cursor:
        cursor.execute("SELECT format('%I', tablename) FROM pg_tables WHERE schemaname = 'portal'")
        tables = [row[0] for row in cursor.fetchall()]
    with engines.postgres.connect(committed_database.name) as superuser:
        dump = "\n".join(
            str(row[0])
            for table in tables
            for row in superuser.execute(f"SELECT t::text FROM portal.{table} t").fetchall()  # type: ignore[arg-type]
        ).lower()
    assert "alice" in dump
    wanted = [code.replace("-", "") for code in codes]
    for secret in secrets:
        wanted += [
            secret.hex(),
            base64.b32encode(secret).decode().lower(),
            base64.b64encode(secret).decode().lower(),
        ]
    assert not [text for text in wanted if text in dump]


def test_a_secret_moved_to_another_person_does_not_open(cast: Cast) -> None:
    set_up(cast)
    set_up(cast, "bob")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_factor SET secret = (SELECT secret FROM accounts_factor WHERE user_id = %s)"
            " WHERE user_id = %s",
            [cast.bob.pk, cast.alice.pk],
        )
    with pytest.raises(SealError):
        Factor.objects.get(user=cast.alice).secret.reveal()


def test_qr_codes_hold_no_style_and_no_script() -> None:
    svg = totp.qr_code(totp.address(b"x" * 20, "a b", "portal:8000"))
    assert not re.search(r"style=|<script|<style|on\w+=", svg)
