"""Passwords of a directory, against a real OpenLDAP server."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from accounts import directory
from accounts.errors import Unavailable
from accounts.models import AuditEvent, ExternalIdentity, User
from accounts.tenancy import platform_scope, scope
from projects.models import Membership
from tests.cast import PASSWORD, Cast
from tests.signin import slapd
from tests.signin.slapd import BASE, SERVICE, SERVICE_PASSWORD, Directory


@pytest.fixture(scope="module")
def server() -> Iterator[Directory]:
    """One server for this module."""
    with slapd.running() as found:
        yield found


@pytest.fixture
def ldap(server: Directory, settings: Any, cast: Cast) -> Directory:
    """The directory, set up in the portal as its operator would: ldap with StartTLS."""
    settings.LDAP_URL, settings.LDAP_START_TLS, settings.LDAP_CA_FILE = server.plain, True, server.ca_file
    settings.LDAP_BIND_DN, settings.LDAP_BIND_PASSWORD = SERVICE, SERVICE_PASSWORD
    settings.LDAP_BASE = settings.LDAP_GROUP_BASE = BASE
    settings.LDAP_GROUPS = {
        "etch": [{"project": cast.acme.slug, "role": "scientist"}],
        "ml-admins": [{"platform_role": "admin"}],
    }
    return server


def sign_in(name: str, password: str, ip: str = "192.0.2.1") -> tuple[Client, Any]:
    client = Client()
    return client, client.post("/sign-in/", {"username": name, "password": password}, REMOTE_ADDR=ip)


def test_a_person_of_the_directory_signs_in_and_is_known_again(ldap: Directory, cast: Cast) -> None:
    client, answer = sign_in("erin", "erin of the fab")
    assert answer.status_code == 302, answer.content
    me = client.get("/api/v1/me").json()
    assert (me["username"], me["name"], me["email"]) == ("erin", "Erin Oh", "erin@fab.example")
    with scope(cast.acme.account_id):
        assert Membership.objects.get(user__username="erin").role == "scientist"
    assert sign_in("ERIN", "erin of the fab")[1].status_code == 302
    identity = ExternalIdentity.objects.get()
    assert (identity.issuer, len(identity.subject)) == ("ldap", 36)
    erin = User.objects.get(username="erin")
    assert not erin.has_usable_password()
    assert not erin.check_password("erin of the fab")


def test_groups_of_the_directory_make_admins(ldap: Directory) -> None:
    sign_in("frank", "frank of the fab")
    assert User.objects.get(username="frank").platform_role == "admin"


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("erin", "wrong wrong wrong"),
        ("nobody", "erin of the fab"),
        ("erin", "frank of the fab"),
        ("*", "erin of the fab"),
        ("e*", "erin of the fab"),
        ("erin)(uid=*", "erin of the fab"),
        ("*)(objectClass=*", "erin of the fab"),
        ("erin)(|(uid=*", "erin of the fab"),
        ("erin\\2a", "erin of the fab"),
        (f"uid=erin,ou=people,{BASE}", "erin of the fab"),
    ],
)
def test_wrong_passwords_and_names_that_are_filters_are_refused_in_one_way(
    ldap: Directory, name: str, password: str
) -> None:
    _client, answer = sign_in(name, password)
    assert answer.status_code == 401
    assert "The username or the password is wrong." in answer.content.decode()
    assert not ExternalIdentity.objects.exists()


def test_an_empty_password_is_refused_before_the_directory_is_asked(ldap: Directory, settings: Any) -> None:
    """The server would take it for an anonymous bind, which succeeds."""
    assert sign_in("erin", "")[1].status_code == 400
    settings.LDAP_URL = "ldap://localhost:1"
    assert directory.identify("erin", "") is None


def test_an_account_of_the_portal_is_never_opened_by_the_directory(ldap: Directory, cast: Cast) -> None:
    """There is another alice there."""
    assert sign_in("alice", "alice of the fab")[1].status_code == 401
    client, answer = sign_in("alice", PASSWORD)
    assert answer.status_code == 302
    assert client.get("/api/v1/me").json()["id"] == str(cast.alice.pk)
    assert not ExternalIdentity.objects.exists()


def test_the_directory_is_asked_as_often_for_every_name(
    ldap: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the portal's own, of the directory, of nobody: the same exchanges, so the same time."""
    import ldap3

    calls: list[str] = []
    for name in ("bind", "search"):
        real = getattr(ldap3.Connection, name)

        def counted(self: Any, *args: Any, real: Any = real, name: str = name, **kwargs: Any) -> Any:
            calls.append(name)
            return real(self, *args, **kwargs)

        monkeypatch.setattr(ldap3.Connection, name, counted)
    made = {}
    for name in ("alice", "erin", "nobody"):
        calls.clear()
        assert sign_in(name, "wrong wrong wrong")[1].status_code == 401
        made[name] = list(calls)
    assert made["alice"] == made["erin"] == made["nobody"] == ["bind", "search", "bind"]


def test_the_directory_never_sees_a_password_of_the_portals_own_accounts(
    ldap: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ldap3

    real, given = ldap3.Connection.__init__, []

    def noted(self: Any, *args: Any, **kwargs: Any) -> None:
        given.append(kwargs.get("password"))
        real(self, *args, **kwargs)

    monkeypatch.setattr(ldap3.Connection, "__init__", noted)
    sign_in("alice", "a password with a slip")
    assert given == [SERVICE_PASSWORD, SERVICE_PASSWORD]


def test_a_fresh_proof_is_the_directorys_password(ldap: Directory) -> None:
    client, _answer = sign_in("erin", "erin of the fab")
    assert "id_password" in client.get("/sign-in/again/").content.decode()
    assert client.post("/sign-in/again/", {"password": "frank of the fab"}).status_code == 401
    assert client.post("/sign-in/again/", {"password": "erin of the fab"}).status_code == 302


@pytest.mark.parametrize("how", ["ldaps", "StartTLS"])
def test_a_certificate_of_a_stranger_is_refused(ldap: Directory, settings: Any, how: str) -> None:
    settings.LDAP_URL = ldap.tls if how == "ldaps" else ldap.plain
    assert sign_in("erin", "erin of the fab")[1].status_code == 302
    settings.LDAP_CA_FILE = ldap.other_ca_file
    assert sign_in("erin", "erin of the fab")[1].status_code == 503


def test_while_the_directory_is_away_the_portals_own_people_come_in(ldap: Directory, settings: Any) -> None:
    settings.LDAP_URL = "ldap://localhost:1"
    answers = [sign_in(name, "wrong wrong wrong")[1].status_code for name in ("alice", "erin", "nobody")]
    assert answers == [503, 503, 503]
    assert sign_in("alice", PASSWORD)[1].status_code == 302
    with pytest.raises(Unavailable):
        directory.identify("erin", "erin of the fab")


def test_a_wrong_service_password_lets_nobody_in(ldap: Directory, settings: Any) -> None:
    settings.LDAP_BIND_PASSWORD = "wrong"
    assert sign_in("erin", "erin of the fab")[1].status_code == 503


def test_two_entries_of_one_name_are_nobody(ldap: Directory, settings: Any) -> None:
    settings.LDAP_USER_FILTER = "(|(uid={username})(sn=x))"
    assert sign_in("erin", "erin of the fab")[1].status_code == 401


def test_who_is_unknown_stays_outside_where_people_are_not_made(ldap: Directory, settings: Any) -> None:
    settings.LDAP_CREATE_USERS = False
    assert sign_in("erin", "erin of the fab")[1].status_code == 403
    assert not User.objects.filter(username="erin").exists()


def test_passwords_of_the_directory_are_nowhere_on_record(ldap: Directory) -> None:
    sign_in("erin", "erin of the fab")
    sign_in("erin", "erin of the fab with a slip")
    with platform_scope("auditor"):
        assert "of the fab" not in str(list(AuditEvent.objects.values_list("detail", "target_label")))
