"""Credentials that come in and do not come out; links that both sides see and record."""

import json
from typing import Any

import pytest
from django.db import connection

from accounts.models import Credential
from accounts.tenancy import scope
from tests.accounts_credentials.material import secrets
from tests.cast import Cast
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
