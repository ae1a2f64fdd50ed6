"""What an operator sets about sign-in is checked when the portal starts, and no value is shown."""

import os
from pathlib import Path

import pytest

from portal.environment import WrongEnvironment, read_environment


@pytest.fixture(autouse=True)
def _only_what_a_test_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("PORTAL_", "DATABASE_", "MLFLOW_", "REDIS_")):
            monkeypatch.delenv(name)


def complaint(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(f"PORTAL_{name}", value)
    with pytest.raises(WrongEnvironment) as wrong:
        read_environment()
    return str(wrong.value)


@pytest.mark.parametrize(
    "mapping",
    [
        "not json canary",
        "[]",
        '{"canary": {"platform_role": "root"}}',
        '{"canary": {"project": "a"}}',
        '{"canary": {"role": "viewer"}}',
        '{"canary": {"project": "a", "role": "viewer", "platform_role": "admin"}}',
        '{"canary": {"project": "a", "role": "Not A Role"}}',
        '{"canary": {"project": "a", "role": "viewer", "colour": "red"}}',
    ],
)
@pytest.mark.parametrize("name", ["OIDC_GROUPS", "LDAP_GROUPS"])
def test_a_mapping_of_groups_that_means_nothing_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, mapping: str
) -> None:
    text = complaint(monkeypatch, **{name: mapping})
    assert f"PORTAL_{name}: must be JSON such as" in text
    assert "canary" not in text


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"OIDC_ISSUER": "http://id.example.com"}, "PORTAL_OIDC_ISSUER"),
        ({"OIDC_ISSUER": "id.example.com"}, "PORTAL_OIDC_ISSUER"),
        ({"OIDC_ISSUER": "https://id.example.com"}, "PORTAL_OIDC_CLIENT_ID"),
        (
            {"OIDC_ISSUER": "https://id.example.com", "OIDC_CLIENT_ID": "x", "OIDC_SCOPES": "email"},
            "PORTAL_OIDC_SCOPES",
        ),
        ({"OIDC_CA_FILE": "/nowhere.pem"}, "PORTAL_OIDC_CA_FILE"),
        ({"LDAP_URL": "https://directory.example"}, "PORTAL_LDAP_URL"),
        ({"LDAP_URL": "ldaps://directory.example"}, "PORTAL_LDAP_BASE"),
        (
            {"LDAP_URL": "ldap://directory.example", "LDAP_BASE": "dc=x", "LDAP_START_TLS": "0"},
            "PORTAL_LDAP_START_TLS",
        ),
        ({"LDAP_USER_FILTER": "(uid=erin)"}, "PORTAL_LDAP_USER_FILTER"),
        ({"LDAP_BIND_DN": "cn=x"}, "PORTAL_LDAP_BIND_PASSWORD"),
        ({"REQUIRE_MFA": "somebody"}, "PORTAL_REQUIRE_MFA"),
        ({"SESSION_SECONDS": "1"}, "PORTAL_SESSION_SECONDS"),
    ],
)
def test_what_cannot_work_is_named(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], named: str
) -> None:
    assert named in complaint(monkeypatch, **variables)


def test_secrets_may_come_from_files_and_groups_become_lists(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("of the client\n")
    monkeypatch.setenv("PORTAL_OIDC_CLIENT_SECRET_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("PORTAL_OIDC_GROUPS", '{"a": {"platform_role": "admin"}}')
    environment = read_environment()
    assert environment.oidc_client_secret is not None
    assert environment.oidc_client_secret.get_secret_value() == "of the client"
    assert environment.oidc_groups == {"a": [{"platform_role": "admin"}]}
    assert "of the client" not in repr(environment)
