"""What each kind of credential takes, and what of it is ever shown."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from django.utils import translation

from accounts.credentials import SECRETS, how_to_test, parse_secret, public_parts, read_secret
from accounts.credentials.expiry import expires_at
from accounts.errors import Invalid, Unprocessable
from projects.credential_forms import PARTS, CredentialForm
from projects.views.common import attempt
from tests.accounts_credentials.material import certificate, secrets

OWN = {"server": "https://k8s.example.com:6443", "certificate_authority": certificate().certificate}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def kubeconfig(user: dict[str, Any], cluster: dict[str, Any] | None = None, **extra: Any) -> str:
    shown = {"server": OWN["server"], "certificate-authority-data": encoded(OWN["certificate_authority"])}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "current-context": "fab",
            "contexts": [{"name": "fab", "context": {"cluster": "c", "user": "u", "namespace": "team-1"}}],
            "clusters": [{"name": "c", "cluster": {**shown, **(cluster or {})}}],
            "users": [{"name": "u", "user": user}],
            **extra,
        }
    )


def refusal(kind: str, parts: Any) -> str:
    with pytest.raises(Invalid) as refused:
        parse_secret(kind, parts)
    assert "canary" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("kind", SECRETS)
def test_every_kind_has_a_tester_a_form_and_a_whole_example(kind: str) -> None:
    assert callable(how_to_test(kind))
    assert set(PARTS[kind]) == set(SECRETS[kind].model_fields)
    opened = parse_secret(kind, secrets()[kind])
    assert b"canary" in opened
    assert "canary" not in json.dumps(public_parts(kind, opened))
    assert "canary" not in repr(read_secret(kind, opened))


WRONG = [
    ("s3", "bucket", "b", "3자 이상"),
    ("s3", "bucket", "LAKE", "영문 소문자"),
    ("s3", "endpoint", "ftp://lake.example", "https://host/path"),
    ("s3", "endpoint", "https://lake.example:canary", "https://host/path"),
    ("git", "url", "https://me:canary@git.example/x", "사용자 이름"),
    ("database", "host", "a b", "호스트 이름"),
    ("webhook", "secret", "short", "16자 이상"),
    ("kubeconfig", "namespace", "A B", "하이픈"),
    ("kubeconfig", "certificate_authority", "junk", "BEGIN CERTIFICATE"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("kind", "part", "value", "told"), WRONG)
def test_what_is_wrong_is_told_in_the_readers_language_at_its_field(
    kind: str, part: str, value: str, told: str
) -> None:
    given = secrets()[kind] | {part: value}
    form = CredentialForm(kind, {"name": "lake", **{name + "_part": text for name, text in given.items()}})
    assert form.is_valid(), form.errors
    with translation.override("ko"):
        attempt(form, lambda: parse_secret(kind, form.secret))
    (error,) = form.errors[part + "_part"]
    assert told in error
    assert "canary" not in error
    assert set(form.errors) == {part + "_part"}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_form_gives_the_same_secret_as_the_api(kind: str) -> None:
    given = {name + "_part": value for name, value in secrets()[kind].items()}
    defaults = {
        name + "_part": field.default
        for name, field in SECRETS[kind].model_fields.items()
        if not field.is_required() and field.default not in (None, False)
    }
    form = CredentialForm(kind, {**defaults, **given, "name": "x"})
    assert form.is_valid(), form.errors
    assert parse_secret(kind, form.secret) == parse_secret(kind, secrets()[kind])


def test_of_a_kubeconfig_only_known_fields_are_taken() -> None:
    text = kubeconfig({"token": "canary"})
    parts = json.loads(parse_secret("kubeconfig", {"kubeconfig": text}))
    assert parts == {**OWN, "namespace": "team-1", "token": "canary"}
    pair = certificate()
    user = {"client-certificate-data": encoded(pair.certificate), "client-key-data": encoded(pair.key)}
    assert "client_key" in json.loads(parse_secret("kubeconfig", {"kubeconfig": kubeconfig(user)}))


@pytest.mark.parametrize(
    ("user", "cluster"),
    [
        ({"exec": {"command": "sh", "args": ["-c", "canary"]}}, {}),
        ({"auth-provider": {"name": "gcp"}}, {}),
        ({"tokenFile": "/etc/canary"}, {}),
        ({"client-certificate": "/etc/canary", "client-key": "/etc/canary"}, {}),
        ({"username": "canary", "password": "canary"}, {}),
        ({"token": "canary", "as": "system:admin"}, {}),
        ({"token": "canary"}, {"insecure-skip-tls-verify": True}),
        ({"token": "canary"}, {"proxy-url": "http://canary"}),
        ({"token": "canary"}, {"certificate-authority": "/etc/canary"}),
        ({"token": "canary"}, {"server": "http://k8s.example.com"}),
        ({"token": "canary"}, {"certificate-authority-data": "canary"}),
        ({"token": 7}, {}),
    ],
)
def test_what_runs_or_weakens_is_refused(user: dict[str, Any], cluster: dict[str, Any]) -> None:
    refusal("kubeconfig", {"kubeconfig": kubeconfig(user, cluster)})


@pytest.mark.parametrize(
    "text",
    ["", "canary", "[]", "a: &a [1]\nb: *a", "contexts: {}", "!!python/object/apply:os.system ['true']",
     "current-context: x", "x" * 300_000, kubeconfig({"token": "c"}, clusters=[{"name": "c", "cluster": None}])],
)  # fmt: skip
def test_what_is_no_kubeconfig_is_refused(text: str) -> None:
    refusal("kubeconfig", {"kubeconfig": text})


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        (
            "kubeconfig",
            {"certificate_authority": "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"},
        ),
        ("kubeconfig", {"client_certificate": certificate().certificate}),
        ("kubeconfig", {"namespace": "Canary"}),
        ("s3", {"endpoint": "https://user:canary@s3.example.com"}),
        ("s3", {"endpoint": "https://s3.example.com?canary=1"}),
        ("s3", {"endpoint": "https://s3.example.com:99999"}),
        ("s3", {"path_style": "yes"}),
        ("s3", {"bucket": "../canary"}),
        ("git", {"token": None}),
        ("database", {"engine": "oracle"}),
        ("database", {"host": "a b"}),
        ("database", {"port": True}),
        ("database", {"tls": "perhaps"}),
        ("webhook", {"url": "ftp://x"}),
        ("registry", {"url": "registry.example.com"}),
    ],
)
def test_parts_that_do_not_fit_are_named_and_not_quoted(kind: str, changed: dict[str, Any]) -> None:
    assert next(iter(changed)).split("_")[0] in refusal(kind, {**secrets()[kind], **changed})


def test_a_key_belongs_to_its_certificate() -> None:
    mine, other = certificate(), certificate(days=9)
    own = {k: v for k, v in secrets()["kubeconfig"].items() if k != "token"}
    parse_secret("kubeconfig", {**own, "client_certificate": mine.certificate, "client_key": mine.key})
    text = refusal("kubeconfig", {**own, "client_certificate": mine.certificate, "client_key": other.key})
    assert "not the key" in text


def test_the_end_of_a_certificate_and_of_a_token_is_known() -> None:
    own = {k: v for k, v in secrets()["kubeconfig"].items() if k != "token"}
    pair = certificate(days=9)
    opened = parse_secret(
        "kubeconfig", {**own, "client_certificate": pair.certificate, "client_key": pair.key}
    )
    found = expires_at("kubeconfig", opened)
    assert found is not None
    assert timedelta(days=8) < found - datetime.now(UTC) < timedelta(days=9)
    claims = base64.urlsafe_b64encode(b'{"exp": 1900000000}').decode().rstrip("=")
    opened = parse_secret("kubeconfig", {**own, "token": f"e30.{claims}.x"})
    assert expires_at("kubeconfig", opened) == datetime.fromtimestamp(1_900_000_000, UTC)
    for odd in ("a.b.c", "plain", f"a.{base64.urlsafe_b64encode(b'[]').decode()}.c"):
        assert expires_at("kubeconfig", parse_secret("kubeconfig", {**own, "token": odd})) is None
    assert expires_at("git", parse_secret("git", secrets()["git"])) is None


def test_a_secret_of_an_older_form_is_told_and_not_quoted() -> None:
    with pytest.raises(Unprocessable) as told:
        read_secret("git", b'{"host": "git.example.com", "username": "oauth2", "token": "canary"}')
    assert told.value.code == "credential.outdated"
    assert "canary" not in str(told.value)
