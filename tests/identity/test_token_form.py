"""The written form of tokens, what the database keeps of them, and where they may be used from."""

import hashlib
import random
import secrets
import string
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import audit
from accounts.crypto import keys, pepper
from accounts.errors import Invalid
from accounts.ids import uuid7
from accounts.models import AuditEvent
from accounts.tenancy import scope
from projects import token_text
from projects.models import Token
from projects.networks import allows, networks, within
from tests.cast import Cast

ADDRESS = "198.51.100.7"


def called(cast: Cast, text: str, ip: str = ADDRESS) -> Any:
    return Client(REMOTE_ADDR=ip).get(cast.url, HTTP_AUTHORIZATION=f"Bearer {text}")


def test_a_text_says_type_and_id_and_nothing_of_it_is_lost() -> None:
    for pk in (uuid7(), UUID(int=0), UUID(int=(1 << 128) - 1)):
        text = token_text.write("user", pk)
        assert token_text.read(text) == token_text.Written("user", pk)
        assert text.count("_") == 4
        assert len(text) == len("mlp_user_") + 22 + 1 + 43 + 1 + 6


def test_secrets_are_256_random_bits() -> None:
    found = {token_text.write("run", uuid7()).split("_")[3] for _index in range(200)}
    assert len(found) == 200
    numbers = [token_text.decode(secret) for secret in found]
    assert max(numbers) < 1 << 256
    for bit in (0, 100, 200, 255):
        assert 50 < sum(number >> bit & 1 for number in numbers) < 150


@pytest.mark.parametrize("seed", range(20))
def test_every_changed_swapped_lost_or_added_character_fails_the_checksum(seed: int) -> None:
    chance = random.Random(seed)
    text = token_text.write("user", uuid7())
    for place in range(len(text)):
        other = chance.choice([c for c in string.ascii_letters + string.digits if c != text[place]])
        assert token_text.read(text[:place] + other + text[place + 1 :]) is None
        assert token_text.read(text[:place] + text[place + 1 :]) is None
        assert token_text.read(text[:place] + other + text[place:]) is None
        if place and text[place - 1] != text[place]:
            assert (
                token_text.read(text[: place - 1] + text[place] + text[place - 1] + text[place + 1 :]) is None
            )


def test_an_id_beyond_128_bits_is_no_id() -> None:
    text = f"mlp_user_{'z' * 22}_{'0' * 43}"
    assert token_text.read(f"{text}_{token_text.checksum(text)}") is None


def test_a_mistyped_token_is_refused_without_asking_the_database(cast: Cast) -> None:
    _row, text = cast.token("sam")
    typo = text[:-10] + ("A" if text[-10] != "A" else "B") + text[-9:]
    with CaptureQueriesContext(
        connection,
    ) as asked:
        answer = called(cast, typo)
    assert (answer.status_code, answer.json()["code"]) == (401, "token.invalid")
    assert [query["sql"] for query in asked if "token" in query["sql"].lower()] == []


def test_all_that_does_not_open_is_one_answer(cast: Cast) -> None:
    row, text = cast.token("sam", lifetime=timedelta(hours=1))
    own = token_text.write("user", row.pk)  # the right id, another secret
    unknown = token_text.write("user", uuid7())
    wrong_type = token_text.write("run", row.pk)
    answers = [
        called(cast, wrong).json()
        for wrong in (own, unknown, wrong_type, "mlp_" + secrets.token_urlsafe(32), "mlp_", "x")
    ]
    with scope(cast.acme.account_id):
        Token.objects.filter(pk=row.pk).update(revoked_at=timezone.now())
    answers.append(called(cast, text).json())
    for answer in answers:
        assert answer | {"request_id": ""} == answers[0] | {"request_id": ""}
    assert answers[0]["status"] == 401


def test_the_row_has_an_hmac_under_a_pepper_that_is_nowhere_in_the_database(cast: Cast) -> None:
    row, text = cast.token("sam")
    assert row.pepper_version == 1
    digest = bytes(row.digest)
    assert digest != hashlib.sha256(text.encode()).digest()
    assert pepper.matches(text, 1, digest)
    assert not pepper.matches(text[:-1] + ("A" if text[-1] != "A" else "B"), 1, digest)
    assert text.startswith(row.hint)
    assert text.split("_")[3] not in row.hint


def test_a_token_outlives_the_platform_key_that_was_active_when_it_was_made(cast: Cast, as_role: Any) -> None:
    _row, old = cast.token("sam")
    with as_role("system"):
        assert keys.create_key(None) == 2
    row, new = cast.token("sam")
    assert row.pepper_version == 2
    assert [called(cast, text).status_code for text in (old, new)] == [200, 200]


def test_a_destroyed_platform_key_ends_its_tokens(cast: Cast, as_role: Any) -> None:
    _row, text = cast.token("sam")
    assert called(cast, text).status_code == 200
    with as_role("system"):
        keys.create_key(None)
        keys._rows(None).filter(version=1).delete()
    keys.cache.clear()
    assert called(cast, text).status_code == 401


def test_a_token_of_the_first_form_works_until_it_expires(cast: Cast) -> None:
    text = "mlp_" + secrets.token_urlsafe(32)
    with cast.inside("sam") as grant:
        row = Token(
            user=cast.sam,
            name="old",
            role=grant.role,
            hint=text[:8],
            digest=hashlib.sha256(text.encode()).digest(),
            expires_at=timezone.now() + timedelta(hours=1),
        )
        row.save(force_insert=True)
    assert called(cast, text).status_code == 200
    assert row.short_hint == f"{text[:8]}…"
    with scope(cast.acme.account_id):
        Token.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert called(cast, text).status_code == 401


def test_the_digest_in_the_row_opens_nothing(cast: Cast) -> None:
    """Who reads the table has no token: not by the first form's look-up either."""
    row, _text = cast.token("sam")
    assert called(cast, "mlp_" + bytes(row.digest).hex()[:43]).status_code == 401


@pytest.mark.parametrize(
    ("allowed", "ip", "open_"),
    [
        ([], "203.0.113.9", True),
        ([], "", True),
        (["198.51.100.0/24"], "198.51.100.255", True),
        (["198.51.100.0/24"], "198.51.101.0", False),
        (["198.51.100.0/24"], "::ffff:198.51.100.7", True),
        (["198.51.100.7"], "198.51.100.7", True),
        (["2001:db8::/32"], "2001:db8:1::5", True),
        (["2001:db8::/32"], "2001:db9::5", False),
        (["2001:db8::/32"], "198.51.100.7", False),
        (["10.0.0.0/8", "2001:db8::/32"], "10.200.1.1", True),
        (["10.0.0.0/8"], "", False),
        (["10.0.0.0/8"], "testclient", False),
        (["0.0.0.0/0"], "2001:db8::1", False),
        (["fe80::/10"], "fe80::1%eth0", True),
    ],
)
def test_networks_let_in_what_lies_in_them(allowed: list[str], ip: str, open_: bool) -> None:
    assert allows(networks(allowed), ip) is open_


@pytest.mark.parametrize(
    "text", ["acme", "10.0.0.0/33", "10.0.0", "", "10.0.0.1-10.0.0.9", "::/129", "1" * 50]
)
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="is no address"):
        networks([text])


def test_networks_are_kept_once_and_in_their_usual_writing() -> None:
    assert networks(["10.1.2.3/16", "10.1.0.0/16", " 2001:DB8::1 "]) == ["10.1.0.0/16", "2001:db8::1/128"]


def test_a_token_made_by_a_token_reaches_no_further() -> None:
    assert within([], ["10.0.0.0/8"]) == ["10.0.0.0/8"]
    assert within(["10.1.0.0/16"], ["10.0.0.0/8"]) == ["10.1.0.0/16"]
    assert within(["10.1.0.0/16"], []) == ["10.1.0.0/16"]
    for wider in ("0.0.0.0/0", "11.0.0.0/8", "2001:db8::/32"):
        with pytest.raises(Invalid, match="outside"):
            within([wider], ["10.0.0.0/8"])


def test_a_use_from_elsewhere_is_refused_and_the_account_sees_it(cast: Cast) -> None:
    row, text = cast.token("sam", addresses=["198.51.100.0/24"])
    assert called(cast, text).status_code == 200
    refused = called(cast, text, "203.0.113.9")
    assert (refused.status_code, refused.json()["code"]) == (401, "token.invalid")
    with scope(cast.acme.account_id):
        event = AuditEvent.objects.get(action="token.use")
        assert (event.outcome, event.ip, event.target_id) == ("denied", "203.0.113.9", str(row.pk))
        assert event.on_behalf_of == "sam"


def test_the_last_use_says_when_and_from_where(cast: Cast) -> None:
    row, text = cast.token("sam")
    for ip in (ADDRESS, "2001:db8::5"):
        called(cast, text, ip)
        with scope(cast.acme.account_id):
            row.refresh_from_db()
        assert row.last_used_ip == ip
        assert row.last_used_at is not None
        assert timezone.now() - row.last_used_at < timedelta(minutes=1)
    shown = cast.client("sam").get(f"{cast.url}/tokens").json()["results"][0]
    assert shown["last_used_ip"] == "2001:db8::5"


@pytest.mark.parametrize("purpose", [Token.Purpose.RUN, Token.Purpose.SERVING])
def test_a_workloads_token_learns_nothing_of_its_person(cast: Cast, purpose: str) -> None:
    from projects.actions.tokens import mint_run_token

    with cast.inside("sam"):
        text = mint_run_token(
            user_id=cast.sam.pk, purpose=purpose, name="job", workload_id=uuid4(), lifetime=timedelta(hours=1)
        )
    assert text.startswith(f"mlp_{purpose}_")
    for url in ("/api/v1/me", "/api/v1/projects"):
        answer = Client().get(url, HTTP_AUTHORIZATION=f"Bearer {text}")
        assert (answer.status_code, answer.json()["code"]) == (403, "token.type")
        assert "sam" not in answer.content.decode()


def test_leavers_tokens_are_listed_for_who_manages_tokens(cast: Cast) -> None:
    from projects.actions.members import remove_member
    from projects.models import Membership

    row, text = cast.token("sam")
    cast.token("bob")
    with cast.inside("alice") as grant:
        remove_member(grant, Membership.objects.get(user=cast.sam))
    assert called(cast, text).status_code in (403, 404)
    listed = cast.client("mia").get(f"{cast.url}/tokens?leavers=true").json()["results"]
    assert [(token["id"], token["leaver"]) for token in listed] == [(str(row.pk), True)]
    assert cast.client("bob").get(f"{cast.url}/tokens?leavers=true").status_code == 403
    page = (
        cast.client("mia").get(f"/projects/{cast.acme.slug}/settings/tokens/?show=leavers").content.decode()
    )
    assert "has left" in page
    assert "sam" in page
    own = cast.client("bob").get(f"/projects/{cast.acme.slug}/settings/tokens/?show=all").content.decode()
    assert "has left" not in own, "a viewer sees their own only, whatever they ask for"


def test_scopes_and_addresses_are_chosen_on_the_page(cast: Cast) -> None:
    client, url = cast.client("sam"), f"/projects/{cast.acme.slug}/settings/tokens/"
    form = {"name": "ci", "role": "scientist", "lifetime": "604800"}
    wanted = {**form, "scopes": ["dataset.read", "dataset.write"], "addresses": "10.0.0.0/8, 2001:db8::/32"}
    made = client.post(url, wanted)
    assert made.status_code == 200
    with scope(cast.acme.account_id):
        row = Token.objects.get(name="ci")
    assert (row.scopes, row.addresses) == (["dataset.read", "dataset.write"], ["10.0.0.0/8", "2001:db8::/32"])
    wrong = client.post(url, {**form, "addresses": "everywhere"})
    assert wrong.status_code == 400
    assert "is no address and no network" in wrong.content.decode()
    assert client.post(url, {**form, "scopes": ["member.manage"]}).status_code == 400, "not sam's to give"
    assert "member.manage" not in client.get(url).content.decode()


def test_the_audit_log_names_a_token_without_giving_it_away(cast: Cast) -> None:
    _row, text = cast.token("sam")
    with scope(cast.acme.account_id):
        event = AuditEvent.objects.get(action="token.create")
        assert event.target_label.endswith(f"(…{text.split('_')[2][-6:]})")
        assert text.split("_")[3] not in str(vars(event))


def test_the_operators_command_refuses_what_makes_no_sense(cast: Cast) -> None:
    from django.core.management import CommandError, call_command

    for arguments in (
        ["--user", "sam", "--platform"],
        ["--user", "root", "--platform", "--role", "owner"],
        ["--user", "sam", "--project", cast.acme.slug, "--read-only"],
        ["--user", "sam", "--project", cast.acme.slug, "--platform"],
        ["--user", "sam"],
        ["--user", "sam", "--project", cast.acme.slug, "--address", "x"],
        ["--user", "nobody", "--platform"],
    ):
        with pytest.raises(CommandError):
            call_command("createtoken", *arguments)
    assert audit.current_context() is None
