"""Leases against a real STS: what is lent works, what is not is refused, and the lender's secret is nowhere."""

import json
import logging
import pickle
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts import audit, leases
from accounts.actions.credentials import create_credential
from accounts.credentials.s3 import call
from accounts.credentials.sts import session_policy
from accounts.errors import Conflict, Forbidden, NotFound, PortalError, Unprocessable
from accounts.models import Account, AuditEvent, Credential, TrustLink
from accounts.tenancy import ScopeError, scope
from projects.actions import links
from projects.models import Operation
from projects.operations import work
from tests.accounts_credentials import services
from tests.accounts_credentials.material import secrets
from tests.accounts_credentials.services import Storage, folder
from tests.accounts_links.test_links import active
from tests.cast import Cast
from tests.engines.fixtures import become
from tests.identity.test_api import post

__all__ = ["folder"]


@pytest.fixture(scope="module")
def storage(folder: Path) -> Iterator[Storage]:
    with services.storage(folder) as running:
        yield running


@pytest.fixture(autouse=True)
def here_is_allowed(settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]


class Lent:
    """An active link from Globex to Acme that offers a real storage."""

    def __init__(self, cast: Cast, storage: Storage, **terms: Any) -> None:
        self.cast = cast
        with cast.inside("charlie", cast.globex):
            self.credential = create_credential(
                "storage",
                "s3",
                {
                    "endpoint": storage.url,
                    "bucket": "wafers",
                    "access_key_id": storage.admin[0],
                    "secret_access_key": storage.admin[1],
                    "role_arn": storage.role_arn,
                },
                by="charlie",
            )
        given = {"permissions": ["storage.read"], "credentials": [self.credential.pk], **terms}
        self.link = active(cast, **given)

    def take(self, **changed: Any) -> leases.Lease:
        given = {"borrower": self.cast.acme.pk, "link_id": self.link.pk, "credential_id": self.credential.pk}
        with audit.acting_as(audit.Actor("user", "1", "alice"), via="task"):
            return leases.take(**{**given, "purpose": "a test", **changed})

    def revoke(self) -> None:
        with self.cast.inside("charlie", self.cast.globex) as grant:
            links.revoke(grant, links.find_link(self.link.pk))


@pytest.fixture
def lent(committed_cast: Cast, storage: Storage) -> Lent:
    return Lent(committed_cast, storage)


def test_a_lease_opens_the_storage_for_minutes(lent: Lent, storage: Storage) -> None:
    lease = lent.take()
    assert timedelta(minutes=10) < lease.expires_at - datetime.now(UTC) < timedelta(minutes=16)
    session = lease.value
    assert session.pair.access_key_id != storage.admin[0]
    assert call(session.storage, "GET", session.pair, query={"list-type": "2"}).status == 200
    assert call(session.storage, "PUT", session.pair, key="b-x/a", body=b"a").status == 403, (
        "the role may only read"
    )
    forged = type(session.pair)(session.pair.access_key_id, "x", session.pair.session_token)
    assert call(session.storage, "GET", forged, query={"list-type": "2"}).status == 403


def test_the_session_is_narrowed_to_the_borrowers_folder() -> None:
    policy = session_policy("wafers", "fab-b-1/", ["storage.read", "storage.write"])
    resources = {resource for one in policy["Statement"] for resource in one["Resource"]}
    assert resources == {"arn:aws:s3:::wafers/fab-b-1/*", "arn:aws:s3:::wafers"}
    listing = next(one for one in policy["Statement"] if one["Action"] == ["s3:ListBucket"])
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["fab-b-1/*"]}}
    assert not any(one["Effect"] != "Allow" or "*" in one["Action"] for one in policy["Statement"])
    assert session_policy("wafers", "fab-b-1/", [])["Statement"] == []


def test_the_policy_that_narrows_is_what_the_service_was_sent(lent: Lent, storage: Storage) -> None:
    """The server of the tests keeps a session's policy without weighing it; that it arrived is what can be seen."""
    import httpx

    lent.take()
    kept = httpx.get(f"{storage.url}/moto-api/data.json").json()
    policies = [role["policy"] for role in kept["sts"]["AssumedRole"]]
    assert any(f"wafers/{lent.link.namespace}/*" in json.dumps(policy) for policy in policies), policies


@pytest.mark.parametrize("end", ["revoke", "time", "lender", "borrower"])
def test_the_next_lease_is_refused_once_the_link_has_ended(lent: Lent, end: str) -> None:
    lent.take()
    cast = lent.cast
    if end == "revoke":
        lent.revoke()
    elif end == "time":
        with scope(cast.globex.pk):
            TrustLink.objects.filter(pk=lent.link.pk).update(ends_at=timezone.now() - timedelta(seconds=1))
    else:
        account = cast.globex.pk if end == "lender" else cast.acme.pk
        with scope(account):
            Account.objects.filter(pk=account).update(state="suspended")
    with pytest.raises(Forbidden) as refused:
        lent.take()
    assert refused.value.code == "lease.ended"


def test_what_is_not_offered_is_not_leased(lent: Lent) -> None:
    cast = lent.cast
    with cast.inside("charlie", cast.globex):
        other = create_credential("other", "s3", secrets()["s3"], by="charlie")
    for pk in (other.pk, uuid4()):
        with pytest.raises(Forbidden):
            lent.take(credential_id=pk)
    with pytest.raises(NotFound):
        lent.take(link_id=uuid4())
    with pytest.raises(Conflict):
        lent.take(borrower=cast.globex.pk)
    with pytest.raises(ScopeError), scope(cast.acme.pk):
        lent.take()


def test_kinds_and_terms_that_lend_nothing_are_told(committed_cast: Cast, storage: Storage) -> None:
    cast = committed_cast
    with cast.inside("charlie", cast.globex):
        token = create_credential("git", "git", secrets()["git"], by="charlie")
    lent = Lent(cast, storage, permissions=["workload.run"])
    with pytest.raises(Unprocessable) as refused:
        lent.take()
    assert refused.value.code == "lease.permissions"
    with scope(cast.globex.pk):
        terms = {**TrustLink.objects.get(pk=lent.link.pk).terms}
        terms["credentials"] = [{"id": str(token.pk), "name": "git", "kind": "git"}]
        TrustLink.objects.filter(pk=lent.link.pk).update(terms=terms)
    with pytest.raises(Unprocessable) as refused:
        lent.take(credential_id=token.pk)
    assert refused.value.code == "lease.kind"


def logged(project: Any) -> list[tuple[str, str, str, str]]:
    with scope(project.pk):
        rows = AuditEvent.objects.filter(account_id=project.pk, action="lease.take").order_by("at", "id")
        return [(row.outcome, row.actor_kind, row.actor_label, row.detail["purpose"]) for row in rows]


def test_both_sides_have_each_lease_on_record_refusals_too(lent: Lent) -> None:
    lent.take(purpose="training 7")
    with scope(lent.cast.globex.pk):
        lent_out = Credential.objects.get(pk=lent.credential.pk)
        assert lent_out.last_used_at is not None
    from accounts.actions.credentials import rotate, switch

    with lent.cast.inside("charlie", lent.cast.globex):
        parts = {**json.loads(lent_out.secret.reveal()), "secret_access_key": "wrong"}
        rotate(lent_out, parts, by="charlie")
        switch(lent_out, untested_reason="a test")
    with pytest.raises(PortalError):
        lent.take(purpose="training 8")
    mine, theirs = logged(lent.cast.acme), logged(lent.cast.globex)
    assert mine == [("ok", "user", "alice", "training 7"), ("ok", "user", "alice", "training 8"),
                    ("failed", "user", "alice", "training 8")]  # fmt: skip
    assert theirs == [(outcome, "account", "Acme", why) for outcome, _kind, _who, why in mine]


def test_what_cannot_be_recorded_is_not_leased(lent: Lent, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setitem(leases._brokers, "s3", lambda *_args: asked.append(1))

    def broken(*_args: Any, **_options: Any) -> None:
        raise DatabaseError("full")

    monkeypatch.setattr(leases, "tell", broken)
    with pytest.raises(DatabaseError):
        lent.take()
    assert not asked
    assert not logged(lent.cast.acme)


def test_a_lease_prints_as_nothing_and_is_not_pickled(lent: Lent, storage: Storage) -> None:
    lease = lent.take()
    text = f"{lease} {lease!r} {lease.value!r} {lease.value.pair!r} {[lease]}"
    assert lease.value.pair.secret_access_key not in text
    assert storage.admin[1] not in text
    with pytest.raises(TypeError):
        pickle.dumps(lease)


def test_the_borrower_reads_the_lenders_secret_nowhere(
    lent: Lent, storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    """Every answer about the link and the credential, the rows of both accounts, the logs: neither pair is there."""
    caplog.set_level(logging.DEBUG)
    cast, alice = lent.cast, lent.cast.client("alice")
    given: list[str] = []
    real = leases._brokers["s3"]

    def noting(secret: Any, wanted: Any) -> Any:
        session, end = real(secret, wanted)
        given.extend([session.pair.secret_access_key, session.pair.session_token])
        return session, end

    url, page = f"{cast.url}/links/{lent.link.pk}", f"/projects/{cast.acme.slug}/settings/account/"
    asked = post(alice, f"{url}/check", {"credential": str(lent.credential.pk)})
    assert asked.status_code == 202, asked.content
    assert post(alice, f"{url}/check", {"credential": str(uuid4())}).status_code == 404
    leases._brokers["s3"] = noting
    try:
        with become("system"):
            work.run(cast.acme.pk, UUID(asked.json()["id"]))
    finally:
        leases._brokers["s3"] = real
    with scope(cast.acme.pk):
        ended = Operation.objects.get(pk=asked.json()["id"])
    assert (ended.state, ended.result.get("folder")) == ("succeeded", f"{lent.link.namespace}/"), ended.error
    assert given
    answers = [
        alice.get(address).content.decode()
        for address in (url, f"{cast.url}/links", f"{cast.url}/credentials", f"{cast.url}/audit-events",
                        f"{cast.url}/operations/{ended.pk}/log", page, f"{page}links/{lent.link.pk}/",
                        f"{cast.url}/credentials/{lent.credential.pk}")
    ]  # fmt: skip
    denied = f"{cast.url}/credentials/{lent.credential.pk}"
    for method, address, body in (
        ("get", denied, None), ("post", f"{denied}/reveal", {"reason": "curious"}), ("post", f"{denied}/test", {}),
        ("post", f"{denied}/rotation", {"secret": secrets()["s3"]}),
    ):  # fmt: skip
        answer = alice.get(address) if method == "get" else post(alice, address, body)
        assert answer.status_code == 404, address
        answers.append(answer.content.decode())
    with scope(cast.acme.pk), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_credential")
        assert cursor.fetchone()[0] == 0, "no row of the lender's is the borrower's"
        for table in ("projects_operation", "accounts_auditevent", "accounts_trustlink"):
            cursor.execute(f"SELECT string_agg(t::text, '') FROM {table} t")
            answers.append(cursor.fetchone()[0] or "")
    answers.append(caplog.text)
    for canary in (storage.admin[1], storage.admin[0], *given):
        assert all(canary not in answer for answer in answers)
