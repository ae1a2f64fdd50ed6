"""Credentials that come in and do not come out; links that both sides see and record."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.errors import Conflict, Forbidden, NotFound
from accounts.models import Credential, TrustLink
from accounts.tenancy import scope
from projects.actions import links
from tests.accounts_credentials.material import secrets
from tests.cast import Cast, events
from tests.identity.test_api import post

SECRETS = secrets()


@pytest.mark.parametrize("kind", SECRETS)
def test_each_kind_is_kept_sealed_and_never_shown(cast: Cast, kind: str) -> None:
    client = cast.client("alice")
    made = post(client, f"{cast.url}/credentials", {"name": kind, "kind": kind, "secret": SECRETS[kind]})
    assert made.status_code == 201, made.content
    url = f"{cast.url}/credentials/{made.json()['id']}"
    answers = [made.content, client.get(url).content, client.get(f"{cast.url}/credentials").content]
    assert all(b"canary" not in answer and b'"secret"' not in answer for answer in answers)
    with scope(cast.acme.pk):
        credential = Credential.objects.get()
        assert b"canary" in credential.secret.reveal()
        with connection.cursor() as cursor:
            cursor.execute("SELECT secret FROM accounts_credential")
            assert b"canary" not in bytes(cursor.fetchone()[0])
    assert "canary" not in json.dumps(client.get(f"{cast.url}/audit-events").json())


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        ("s3", {"endpoint": "https://x", "bucket": "b-b", "access_key_id": "canary"}),
        ("s3", {**SECRETS["s3"], "colour": "canary"}),
        ("s3", {**SECRETS["s3"], "endpoint": "file:///canary"}),
        ("database", {**SECRETS["database"], "port": "canary"}),
        ("database", {**SECRETS["database"], "port": 70000}),
        ("kubeconfig", {key: SECRETS["kubeconfig"][key] for key in ("server", "certificate_authority")}),
        ("webhook", {"secret": "canary"}),
        ("git", "canary"),
        ("git", ["canary"]),
        ("git", {"url": "https://a\nb", "token": "canary"}),
    ],
)
def test_a_secret_that_is_not_of_its_kind_is_refused_without_quoting_it(
    cast: Cast, kind: str, secret: Any
) -> None:
    answer = post(
        cast.client("alice"), f"{cast.url}/credentials", {"name": "x", "kind": kind, "secret": secret}
    )
    assert answer.status_code == 400
    assert b"canary" not in answer.content
    assert answer.json()["errors"]["secret"]
    with scope(cast.acme.pk):
        assert not Credential.objects.exists()


# Links. Acme is a general account, Globex a trusted one; commits are real, since each side writes in its own.


def offer(cast: Cast) -> tuple[TrustLink, str]:
    with cast.inside("charlie", cast.globex) as grant:
        return links.invite(grant, "two GPUs")


def states(cast: Cast) -> list[str]:
    with scope(cast.globex.pk):
        return list(TrustLink.objects.values_list("state", flat=True))


def test_a_link_goes_from_offer_to_approval_and_both_sides_have_it_on_record(committed_cast: Cast) -> None:
    cast = committed_cast
    lender, borrower = f"/api/v1/projects/{cast.globex.slug}", cast.url
    charlie, alice = cast.client("charlie"), cast.client("alice")
    made = post(charlie, f"{lender}/links", {"note": "two GPUs"})
    assert made.status_code == 201
    code, pk = made.json()["code"], made.json()["id"]
    assert alice.get(f"{borrower}/links/{pk}").status_code == 404, "an offer is the lender's alone"
    assert code not in charlie.get(f"{lender}/links").content.decode()
    asked = post(alice, f"{borrower}/links/claim", {"code": code})
    assert (asked.status_code, asked.json()["state"]) == (202, "requested")
    assert post(alice, f"{borrower}/links/claim", {"code": code}).status_code == 404, "a code works once"
    assert post(alice, f"{borrower}/links/{pk}/approve", {}).status_code == 403, (
        "the borrower approves nothing"
    )
    assert post(charlie, f"{lender}/links/{pk}/approve", {}).json()["state"] == "active"
    shown = alice.get(f"{borrower}/links/{pk}").json()
    assert (shown["side"], shown["lender"], shown["terms"]) == ("borrower", "Globex", {"note": "two GPUs"})
    assert post(alice, f"{borrower}/links/{pk}/revoke", {}).json()["state"] == "revoked"
    assert post(charlie, f"{lender}/links/{pk}/revoke", {}).status_code == 409
    ours = [event for event in events(cast.acme.pk) if event[0].startswith("link.") and event[1] == "ok"]
    theirs = [event for event in events(cast.globex.pk) if event[0].startswith("link.") and event[1] == "ok"]
    assert ours == [
        ("link.claim", "ok", "alice"),
        ("link.approve", "ok", "Globex"),
        ("link.revoke", "ok", "alice"),
    ]
    assert theirs == [
        ("link.invite", "ok", "charlie"),
        ("link.claim", "ok", "Acme"),
        ("link.approve", "ok", "charlie"),
        ("link.revoke", "ok", "Acme"),
    ]


def test_each_side_sees_the_others_name_and_not_its_people(committed_cast: Cast) -> None:
    cast = committed_cast
    _link, code = offer(cast)
    with cast.inside("alice") as grant:
        links.claim(grant, code)
    from accounts.models import AuditEvent

    with scope(cast.globex.pk):
        event = AuditEvent.objects.get(action="link.claim")
    assert (event.actor_kind, event.actor_label, event.ip, event.user_agent) == ("account", "Acme", "", "")


def test_an_expired_or_unknown_code_says_the_same_and_changes_nothing(committed_cast: Cast) -> None:
    cast = committed_cast
    link, code = offer(cast)
    with scope(cast.globex.pk):
        TrustLink.objects.filter(pk=link.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    client = cast.client("alice")
    expired = post(client, f"{cast.url}/links/claim", {"code": code})
    unknown = post(client, f"{cast.url}/links/claim", {"code": "mll_nothing"})
    assert (expired.status_code, unknown.status_code) == (404, 404)
    assert expired.json()["detail"] == unknown.json()["detail"]
    assert states(cast) == ["invited"]
    assert ("link.manage", "denied", "alice") in events(cast.acme.pk)


def test_two_accounts_are_linked_once(committed_cast: Cast) -> None:
    cast = committed_cast
    for expected in (None, Conflict):
        _link, code = offer(cast)
        if expected is None:
            with cast.inside("alice") as grant:
                links.claim(grant, code)
        else:
            with pytest.raises(expected), cast.inside("alice") as grant:
                links.claim(grant, code)
    assert sorted(states(cast)) == ["invited", "requested"]


def test_only_a_trusted_account_lends_and_only_a_general_one_borrows(cast: Cast) -> None:
    with cast.inside("alice") as grant, pytest.raises(Conflict):
        links.invite(grant)
    with cast.inside("charlie", cast.globex) as grant, pytest.raises(Conflict):
        links.claim(grant, "mll_x")


def test_a_link_of_others_is_not_there(cast: Cast) -> None:
    link, _code = offer(cast)
    from projects.api.account import find_link

    with cast.inside("alice"), pytest.raises(NotFound):
        find_link(link.pk)
    with cast.inside("alice") as grant, pytest.raises(Forbidden):
        links.approve(grant, link)
