"""Single sign-on against a real provider: who somebody is, what their groups give, and what is refused."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from accounts import oidc, totp
from accounts.models import AuditEvent, ExternalIdentity, Factor, User
from accounts.recent import CONFIRMED_AT
from accounts.tenancy import platform_scope, scope
from projects.models import Membership
from tests.cast import PASSWORD, Cast, events
from tests.signin.provider import Provider, query_of, running
from tests.signin.test_factors import set_up

ERIN = {"sub": "erin-1", "preferred_username": "Erin", "name": "Erin Oh", "email": "alice@example.com"}


@pytest.fixture(scope="module")
def process() -> Iterator[Provider]:
    """One provider for this module."""
    with running(ERIN) as provider:
        yield provider


@pytest.fixture
def provider(process: Provider, settings: Any, cast: Cast) -> Iterator[Provider]:
    """The provider, set up in the portal as its operator would."""
    client_id, secret = process.register(f"{settings.BASE_URL}/sign-in/oidc/back/")
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = (
        process.issuer,
        client_id,
        secret,
    )
    settings.OIDC_NAME = "Fab ID"
    settings.OIDC_GROUPS = {
        "ml-admins": [{"platform_role": "admin"}],
        "watch": [{"platform_role": "auditor"}],
        "etch": [{"project": cast.acme.slug, "role": "scientist"}],
        "etch-leads": [{"project": cast.acme.slug, "role": "maintainer"}],
    }
    process.say("erin-1", **{name: value for name, value in ERIN.items() if name != "sub"})
    oidc.provider.forget()
    yield process
    oidc.provider.forget()


def go(client: Client, provider: Provider, subject: str = "erin-1", start: str = "/sign-in/oidc/") -> Any:
    """The whole way: from the portal to the provider, and back."""
    address = client.get(start)["Location"]
    assert address.startswith(provider.issuer)
    return client.get(provider.sign_in(address, subject))


def recorded(action: str) -> list[AuditEvent]:
    with platform_scope("auditor"):
        return list(AuditEvent.objects.filter(action=action).order_by("at", "id"))


def roles(cast: Cast, name: str) -> list[str]:
    with scope(cast.acme.account_id):
        return list(Membership.objects.filter(user__username=name).values_list("role", flat=True))


def test_somebody_new_is_made_and_known_again_by_their_subject(provider: Provider, cast: Cast) -> None:
    assert "Sign in with Fab ID" in Client().get("/sign-in/").content.decode()
    first = Client()
    answer = go(first, provider, start="/sign-in/oidc/?next=/me/")
    assert (answer.status_code, answer["Location"]) == (302, "/me/")
    erin = User.objects.get(username="erin")
    assert (erin.name, erin.has_usable_password()) == ("Erin Oh", False)
    assert first.get("/me/").status_code == 200
    provider.say("erin-1", preferred_username="renamed", email="new@example.com")
    again = Client()
    assert go(again, provider)["Location"] == "/"
    assert again.get("/api/v1/me").json()["username"] == "erin"
    assert [event.detail for event in recorded("user.sign_in")] == [{"by": "single sign-on"}] * 2


def test_no_account_is_taken_over_by_its_name_or_its_address(provider: Provider, cast: Cast) -> None:
    User.objects.filter(pk=cast.alice.pk).update(email="alice@example.com")
    provider.say("mallory", preferred_username="alice", email="alice@example.com", email_verified=True)
    client = Client()
    go(client, provider, "mallory")
    name = client.get("/api/v1/me").json()["username"]
    assert name.startswith("alice-")
    assert not ExternalIdentity.objects.filter(user=cast.alice).exists()


def test_who_is_unknown_stays_outside_where_people_are_not_made(provider: Provider, settings: Any) -> None:
    settings.OIDC_CREATE_USERS = False
    answer = go(Client(), provider)
    assert answer.status_code == 403
    assert "Ask an admin" in answer.content.decode()
    assert not User.objects.filter(username="erin").exists()
    assert recorded("user.sign_in")[-1].detail == {"by": "single sign-on", "reason": "unknown"}


def test_groups_give_roles_and_take_back_what_they_gave(provider: Provider, cast: Cast) -> None:
    provider.say(
        "erin-1", preferred_username="erin", groups=["etch", "etch-leads", "ml-admins", "nobody-knows"]
    )
    go(Client(), provider)
    assert roles(cast, "erin") == ["maintainer"]
    assert User.objects.get(username="erin").platform_role == "admin"
    provider.say("erin-1", preferred_username="erin", groups=["etch", "watch"])
    go(Client(), provider)
    assert roles(cast, "erin") == ["scientist"]
    assert User.objects.get(username="erin").platform_role == "auditor"
    provider.say("erin-1", preferred_username="erin", groups=[])
    go(Client(), provider)
    assert roles(cast, "erin") == []
    assert User.objects.get(username="erin").platform_role == "member"
    done = [event[:2] for event in events(cast.acme.account_id) if event[2] == "single sign-on"]
    assert done == [("member.add", "ok"), ("member.role", "ok"), ("member.remove", "ok")]
    assert len(recorded("user.platform_role")) == 3


def test_what_was_given_by_hand_stays(provider: Provider, cast: Cast) -> None:
    go(Client(), provider)
    erin = User.objects.get(username="erin")
    with scope(cast.acme.account_id):
        Membership(user=erin, role="viewer").save(force_insert=True)
    User.objects.filter(pk=erin.pk).update(platform_role="auditor")
    provider.say("erin-1", preferred_username="erin", groups=["etch"])
    go(Client(), provider)
    assert roles(cast, "erin") == ["viewer"]
    provider.say("erin-1", preferred_username="erin", groups=[])
    go(Client(), provider)
    assert roles(cast, "erin") == ["viewer"]
    assert User.objects.get(username="erin").platform_role == "auditor"


def test_the_last_owner_stays(provider: Provider, cast: Cast, settings: Any) -> None:
    settings.OIDC_GROUPS = {"owners": [{"project": cast.acme.slug, "role": "owner"}]}
    provider.say("erin-1", preferred_username="erin", groups=["owners"])
    go(Client(), provider)
    with scope(cast.acme.account_id):
        Membership.objects.filter(user=cast.alice).delete()
    provider.say("erin-1", preferred_username="erin", groups=[])
    assert go(Client(), provider).status_code == 302
    assert roles(cast, "erin") == ["owner"]


def test_the_way_there_carries_state_nonce_and_a_challenge_of_the_verifier(provider: Provider) -> None:
    client = Client()
    query = query_of(client.get("/sign-in/oidc/")["Location"])
    flow = client.session["oidc"]
    digest = hashlib.sha256(flow["verifier"].encode()).digest()
    assert query["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert (query["code_challenge_method"], query["response_type"]) == ("S256", "code")
    assert (query["state"], query["nonce"]) == (flow["state"], flow["nonce"])
    assert flow["verifier"] not in str(query)


def test_an_answer_is_for_the_browser_that_asked_and_counts_once(provider: Provider) -> None:
    mine, other = Client(), Client()
    back = provider.sign_in(mine.get("/sign-in/oidc/")["Location"], "erin-1")
    assert other.get(back).status_code == 401, "another browser (sign-in CSRF)"
    other.get("/sign-in/oidc/")
    assert other.get(back).status_code == 401, "another browser in a flow of its own"
    assert mine.get(back).status_code == 302
    mine.post("/sign-out/")
    assert mine.get(back).status_code == 401, "a second time"


@pytest.mark.parametrize(
    "change", [{"state": "x"}, {"code": ""}, {"iss": "https://evil.example"}, {"code": None}]
)
def test_a_changed_answer_is_refused(provider: Provider, change: dict[str, str | None]) -> None:
    client = Client()
    back = provider.sign_in(client.get("/sign-in/oidc/")["Location"], "erin-1")
    query = {name: value for name, value in {**query_of(back), **change}.items() if value is not None}
    assert client.get(f"/sign-in/oidc/back/?{urlencode(query)}").status_code == 401
    assert client.get("/me/").status_code == 302


def test_a_token_for_another_nonce_or_another_client_is_refused(provider: Provider, settings: Any) -> None:
    client = Client()
    address = client.get("/sign-in/oidc/")["Location"]
    session = client.session
    session["oidc"] = {**session["oidc"], "nonce": "another"}
    session.save()
    assert client.get(provider.sign_in(address, "erin-1")).status_code == 401
    client = Client()
    back = provider.sign_in(client.get("/sign-in/oidc/")["Location"], "erin-1")
    settings.OIDC_CLIENT_ID = "somebody-else"
    assert client.get(back).status_code in (401, 503)
    assert client.get("/me/").status_code == 302


def test_somebody_with_a_second_factor_is_asked_for_it(provider: Provider, cast: Cast) -> None:
    browser, _codes = set_up(cast)
    page = browser.post(reverse("accounts:connect_provider")).content.decode()
    assert provider.issuer in page
    address = page.split('href="' + provider.issuer)[1].split('"')[0].replace("&amp;", "&")
    assert browser.get(provider.sign_in(provider.issuer + address, "erin-1"))["Location"] == "/me/security/"
    client = Client()
    assert go(client, provider)["Location"].startswith("/sign-in/second/")
    assert client.get("/me/")["Location"].startswith("/sign-in/?")
    secret = Factor.objects.get(user=cast.alice).secret.reveal()
    assert client.post("/sign-in/second/", {"code": totp.code_of(secret, totp.step_now())}).status_code == 302
    assert client.get("/api/v1/me").json()["username"] == "alice"


def connected(cast: Cast, provider: Provider, name: str, subject: str) -> Client:
    browser = cast.client(name)
    page = browser.post(reverse("accounts:connect_provider")).content.decode()
    address = page.split('href="' + provider.issuer)[1].split('"')[0].replace("&amp;", "&")
    browser.get(provider.sign_in(provider.issuer + address, subject))
    return browser


def test_connecting_asks_for_a_fresh_proof_and_one_account_opens_one_person(
    provider: Provider, cast: Cast
) -> None:
    stale = cast.client("alice", signed_in=3600).post(reverse("accounts:connect_provider"))
    assert stale["Location"].startswith("/sign-in/again/")
    connected(cast, provider, "alice", "erin-1")
    assert ExternalIdentity.objects.get().user == cast.alice
    connected(cast, provider, "bob", "erin-1")
    assert ExternalIdentity.objects.get().user == cast.alice
    assert "erin-1" in cast.client("alice").get("/me/security/").content.decode()
    client = Client()
    go(client, provider)
    assert client.get("/api/v1/me").json()["username"] == "alice"


def test_an_account_elsewhere_is_disconnected_unless_it_is_the_only_way_in(
    provider: Provider, cast: Cast
) -> None:
    alice = connected(cast, provider, "alice", "erin-1")
    identity = alice.get("/api/v1/me/identities").json()[0]
    assert (identity["issuer"], identity["subject"]) == (provider.issuer, "erin-1")
    address = f"/api/v1/me/identities/{identity['id']}"
    assert cast.client("bob").delete(address).status_code == 404
    assert cast.client("alice", signed_in=3600).delete(address).json()["code"] == "sign_in.stale"
    assert alice.delete(address).status_code == 204
    client = Client()
    go(client, provider)
    only = client.get("/api/v1/me/identities").json()[0]["id"]
    assert client.delete(f"/api/v1/me/identities/{only}").json()["code"] == "identity.last"
    assert client.post(reverse("accounts:disconnect"), {"identity": only}).status_code == 302
    assert ExternalIdentity.objects.filter(pk=only).exists()


def test_who_has_no_password_proves_it_again_at_the_provider(provider: Provider, cast: Cast) -> None:
    client = Client()
    go(client, provider)
    session = client.session
    session[CONFIRMED_AT] -= 3600
    session.save()
    page = client.get("/sign-in/again/").content.decode()
    assert "Confirm with Fab ID" in page
    assert "id_password" not in page
    query = query_of(client.get("/sign-in/oidc/?again=1")["Location"])
    assert (query["prompt"], query["max_age"]) == ("login", "0")
    before = session[CONFIRMED_AT]
    answer = go(client, provider, "somebody-else", start="/sign-in/oidc/?again=1&next=/me/")
    assert client.session[CONFIRMED_AT] == before, "somebody else's proof"
    assert answer.status_code != 302
    answer = go(client, provider, start="/sign-in/oidc/?again=1&next=/me/")
    assert (answer.status_code, answer["Location"]) == (302, "/me/"), answer.content
    assert client.session[CONFIRMED_AT] > before


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_nobody_is_sent_elsewhere_afterwards(provider: Provider, wanted: str) -> None:
    answer = go(Client(), provider, start=f"/sign-in/oidc/?{urlencode({'next': wanted})}")
    assert answer["Location"] == "/"


def test_a_deactivated_person_stays_outside(provider: Provider) -> None:
    go(Client(), provider)
    User.objects.filter(username="erin").update(is_active=False)
    assert go(Client(), provider).status_code == 401


def test_a_provider_that_is_away_is_said_to_be_away(provider: Provider, settings: Any) -> None:
    settings.OIDC_ISSUER = "http://localhost:1"
    oidc.provider.forget()
    answer = Client().get("/sign-in/oidc/")
    assert answer.status_code == 503
    assert "Try again later" in answer.content.decode()
    assert Client().post("/sign-in/", {"username": "alice", "password": PASSWORD}).status_code == 302


def test_a_provider_that_calls_itself_otherwise_is_not_believed(provider: Provider, settings: Any) -> None:
    settings.OIDC_ISSUER = provider.issuer.replace("localhost", "127.0.0.1") + "/"
    oidc.provider.forget()
    assert Client().get("/sign-in/oidc/").status_code == 503
