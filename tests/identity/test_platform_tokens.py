"""Platform tokens: what they open, what they do not, and when they end."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts import audit
from accounts.groups import apply
from accounts.models import AuditEvent, ExternalIdentity, PlatformRole, User
from accounts.recent import CONFIRMED_AT
from accounts.tenancy import platform_scope
from projects import token_text
from projects.actions.platform_tokens import end_platform_tokens, make_platform_token
from projects.models import PlatformToken
from tests.cast import Cast

ACCOUNTS = "/api/v1/platform/accounts"
TOKENS = "/api/v1/platform/tokens"


def bearer(cast: Cast, name: str = "root", **options: Any) -> dict[str, str]:
    with audit.acting_as(audit.SYSTEM, via="command"):
        _row, text = make_platform_token(cast.people[name], name="ci", **options)
    return {"HTTP_AUTHORIZATION": f"Bearer {text}"}


def post(client: Client, url: str, body: dict[str, Any], **extra: str) -> Any:
    return client.post(url, json.dumps(body), content_type="application/json", **extra)


def test_the_operators_command_makes_one_and_it_opens_accounts(cast: Cast) -> None:
    printed = StringIO()
    call_command("createtoken", "--user", "root", "--platform", "--expires", "1h", stdout=printed)
    made = json.loads(printed.getvalue())
    assert made["role"] == "admin"
    assert token_text.read(made["token"]).type == "platform"  # type: ignore[union-attr]
    header = {"HTTP_AUTHORIZATION": f"Bearer {made['token']}"}
    opened = post(Client(), ACCOUNTS, {"name": "Initech", "kind": "general", "owner": "peter"}, **header)
    assert opened.status_code == 201, opened.content
    with platform_scope("auditor"):
        event = AuditEvent.objects.get(action="account.open", target_label="Initech")
        assert (event.actor_kind, event.actor_id, event.on_behalf_of) == ("token", made["id"], "root")


def test_it_does_what_its_persons_role_does_and_no_more(cast: Cast) -> None:
    admin, auditor = bearer(cast), bearer(cast, "audrey")
    assert Client().get(ACCOUNTS, **admin).status_code == 200
    assert Client().get(ACCOUNTS, **auditor).status_code == 404
    assert Client().get("/api/v1/platform/audit-events", **auditor).status_code == 200
    assert Client().get("/api/v1/platform/audit-events", **admin).status_code == 404


def test_it_enters_no_project_even_where_its_person_is_a_member(cast: Cast) -> None:
    User.objects.filter(pk=cast.alice.pk).update(platform_role=PlatformRole.ADMIN)
    cast.people["alice"].refresh_from_db()
    header = bearer(cast, "alice")
    assert Client().get(ACCOUNTS, **header).status_code == 200
    assert Client().get(cast.url, **header).status_code == 404
    assert Client().get("/api/v1/projects", **header).json() == []
    assert Client().get("/api/v1/me", **header).json()["username"] == "alice"


def test_a_projects_token_is_no_platform_token(cast: Cast) -> None:
    User.objects.filter(pk=cast.alice.pk).update(platform_role=PlatformRole.ADMIN)
    assert Client().get(ACCOUNTS, **cast.bearer("alice")).status_code == 404


def test_it_ends_when_the_role_goes_and_with_its_person(cast: Cast) -> None:
    header = bearer(cast)
    for change, back in (
        ({"platform_role": "member"}, {"platform_role": "admin"}),
        ({"platform_role": "auditor"}, {"platform_role": "admin"}),
        ({"is_active": False}, {"is_active": True}),
    ):
        User.objects.filter(pk=cast.root.pk).update(**change)
        assert Client().get(ACCOUNTS, **header).status_code == 401, change
        User.objects.filter(pk=cast.root.pk).update(**back)
        assert Client().get(ACCOUNTS, **header).status_code == 200
    assert end_platform_tokens(cast.root) == 1
    assert Client().get(ACCOUNTS, **header).status_code == 401


def test_a_read_only_one_changes_nothing(cast: Cast) -> None:
    header = bearer(cast, read_only=True)
    assert Client().get(ACCOUNTS, **header).status_code == 200
    refused = post(Client(), ACCOUNTS, {"name": "Initech", "kind": "general", "owner": "peter"}, **header)
    assert (refused.status_code, refused.json()["code"]) == (403, "token.read_only")
    assert not User.objects.filter(username="peter").exists()


def test_expired_revoked_and_from_elsewhere_are_the_same_401(cast: Cast) -> None:
    elsewhere = bearer(cast, addresses=["198.51.100.0/24"])
    assert Client(REMOTE_ADDR="203.0.113.9").get(ACCOUNTS, **elsewhere).status_code == 401
    assert Client(REMOTE_ADDR="198.51.100.1").get(ACCOUNTS, **elsewhere).status_code == 200
    for change in ({"expires_at": timezone.now() - timedelta(seconds=1)}, {"revoked_at": timezone.now()}):
        header = bearer(cast)
        PlatformToken.objects.filter(name="ci").update(**change)
        assert Client().get(ACCOUNTS, **header).status_code == 401
        PlatformToken.objects.all().delete()


def test_a_person_makes_one_with_a_fresh_sign_in_and_a_token_makes_none(cast: Cast) -> None:
    client = cast.client("audrey")
    made = post(client, TOKENS, {"name": "siem", "read_only": True, "addresses": ["10.0.0.0/8"]})
    assert made.status_code == 201, made.content
    assert "no-store" in made["Cache-Control"]
    shown = made.json()
    text = shown.pop("token")
    assert (shown["role"], shown["read_only"], shown["addresses"]) == ("auditor", True, ["10.0.0.0/8"])
    header = {"HTTP_AUTHORIZATION": f"Bearer {text}"}
    assert Client(REMOTE_ADDR="10.9.9.9").get(f"{TOKENS}/{shown['id']}", **header).status_code == 200
    session = client.session
    session[CONFIRMED_AT] = 0
    session.save()
    stale = post(client, TOKENS, {"name": "later"})
    assert (stale.status_code, stale.json()["code"]) == (403, "sign_in.stale")
    by_token = post(Client(), TOKENS, {"name": "child"}, **bearer(cast))
    assert (by_token.status_code, by_token.json()["code"]) == (403, "sign_in.stale")
    assert not PlatformToken.objects.filter(name__in=["later", "child"]).exists()


def test_an_admin_sees_and_revokes_everybodys_an_auditor_their_own(cast: Cast) -> None:
    bearer(cast)
    bearer(cast, "audrey")
    of_root = PlatformToken.objects.get(user=cast.root)
    of_audrey = PlatformToken.objects.get(user=cast.audrey)
    assert len(cast.client("root").get(f"{TOKENS}?all=true").json()["results"]) == 2
    assert len(cast.client("root").get(TOKENS).json()["results"]) == 1
    assert len(cast.client("audrey").get(f"{TOKENS}?all=true").json()["results"]) == 1
    assert cast.client("audrey").delete(f"{TOKENS}/{of_root.pk}").status_code == 404
    assert cast.client("root").delete(f"{TOKENS}/{of_audrey.pk}").status_code == 204
    assert cast.client("root").delete(f"{TOKENS}/{of_audrey.pk}").status_code == 409
    with platform_scope("auditor"):
        assert AuditEvent.objects.filter(action="token.revoke", actor_label="root", outcome="ok").count() == 1


@pytest.mark.parametrize(("name", "page"), [("root", "/platform/tokens/"), ("audrey", "/audit-room/tokens/")])
def test_the_page_makes_shows_once_and_revokes(cast: Cast, name: str, page: str) -> None:
    client = cast.client(name)
    assert page in client.get("/").content.decode(), "it is in the menu"
    made = client.post(page, {"name": "ci", "lifetime": "604800", "read_only": "on"})
    found = token_text.PATTERN.search(made.content.decode())
    assert made.status_code == 200
    assert found
    again = client.get(page).content.decode()
    assert found[0] not in again
    assert "read only" in again
    row = PlatformToken.objects.get(user=cast.people[name])
    assert client.post(f"{page}{row.pk}/").status_code == 302
    assert client.post(page, {"name": "", "lifetime": "604800"}).status_code == 400
    row.refresh_from_db()
    assert not row.usable


def test_the_page_asks_for_a_fresh_sign_in(cast: Cast) -> None:
    client = cast.client("root")
    session = client.session
    session[CONFIRMED_AT] = 0
    session.save()
    answer = client.post("/platform/tokens/", {"name": "ci", "lifetime": "604800"})
    assert answer.status_code == 302
    assert "/sign-in/again/" in answer["Location"]
    assert not PlatformToken.objects.exists()


def test_a_role_that_is_taken_and_given_back_gives_no_token_back(cast: Cast) -> None:
    header = bearer(cast)
    assert Client().get(ACCOUNTS, **header).status_code == 200
    for role in ("member", "admin"):
        out = StringIO()
        call_command("setplatformrole", "root", role, "--reason", "holidays", stdout=out)
        assert out.getvalue() == f"root is {role} of the platform now.\n"
    assert Client().get(ACCOUNTS, **header).status_code == 401
    assert PlatformToken.objects.get(user=cast.root).revoked_at is not None
    with platform_scope("auditor"):
        taken, given = AuditEvent.objects.filter(action="user.platform_role").order_by("at")
    assert taken.detail == {
        "from": "admin",
        "to": "member",
        "ended": {"platform_tokens": 1},
        "reason": "holidays",
    }
    assert (given.detail["to"], given.detail["ended"]) == ("admin", {})
    with pytest.raises(CommandError, match="already"):
        call_command("setplatformrole", "root", "admin")


def test_groups_that_take_a_role_end_its_tokens(cast: Cast) -> None:
    header = bearer(cast)
    identity = ExternalIdentity(
        user=cast.root, issuer="https://id.example.com", subject="1", given={"platform_role": "admin"}
    )
    identity.save(force_insert=True)
    mapping = {"ml-admins": [{"platform_role": "admin"}]}
    with audit.acting_as(audit.SYSTEM, via="command"):
        apply(identity, [], mapping)
        cast.root.refresh_from_db()
        assert cast.root.platform_role == "member"
        apply(identity, ["ml-admins"], mapping)
    cast.root.refresh_from_db()
    assert cast.root.platform_role == "admin"
    assert Client().get(ACCOUNTS, **header).status_code == 401
