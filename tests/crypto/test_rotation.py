"""Rotating, counting and destroying keys, in real transactions."""

import io
import json
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction
from django.utils import timezone

from accounts.audit import SYSTEM, Actor, acting_as
from accounts.crypto import (
    Place,
    SealError,
    box,
    keys,
    new_data_key,
    open_data_key,
    pepper,
    seal,
    unseal,
)
from accounts.crypto.columns import sealed_columns
from accounts.crypto.fields import _Held
from accounts.errors import Conflict, Invalid
from accounts.ids import uuid7
from accounts.models import Account, AccountKey, AuditEvent, Credential, KeyRotation, KeyState, PlatformKey
from accounts.rotation import (
    adopt_roots,
    advance,
    begin,
    check_root_keys,
    count_values,
    destroy_unused,
    rewrap_account,
    rotate_key,
    running,
    shred,
)
from accounts.rotation.status import status
from accounts.tasks import advance_rotation, tidy_keys
from accounts.tenancy import scope
from registry.models import Blob
from tests.cast import Cast
from tests.engines.fixtures import CommittedDatabase, become

NOW = timedelta(0)
ROOT = Actor("user", "7", "root")
OTHER_ROOT = bytes(range(32))


@pytest.fixture
def acme(committed_cast: Cast) -> Iterator[UUID]:
    """The account of a committed project, in a worker's role; the caches of this process are the test's own."""
    keys.cache.clear()
    with become("system"), acting_as(ROOT, via="test"):
        yield committed_cast.acme.pk
    keys.cache.clear()


def a_credential(account_id: UUID, name: str = "lake", secret: bytes = b"s3cr3t") -> Credential:
    with scope(account_id):
        credential = Credential(name=name, kind=Credential.Kind.S3, created_by_label="alice")
        credential.secret = secret
        credential.save(force_insert=True)
        return credential


def a_blob(account_id: UUID) -> tuple[Blob, bytes]:
    with scope(account_id):
        blob = Blob(id=uuid7(), account_id=account_id, chunk_size=16)
        key, blob.wrapped_key = new_data_key(blob.place)
        blob.save(force_insert=True)
        return blob, key.seal_chunk(0, b"content", last=True)


def stored(credential: Credential) -> bytes:
    with scope(credential.account_id), connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM accounts_credential WHERE id = %s", [credential.pk])
        return bytes(cursor.fetchone()[0])


def versions_of(account_id: UUID) -> dict[int, str]:
    with scope(account_id):
        return dict(AccountKey.objects.order_by("version").values_list("version", "state"))


def rotate(kind: str = KeyRotation.Kind.ACCOUNTS, grace: timedelta = NOW, **only: Any) -> KeyRotation:
    begin(kind, reason="yearly", **only)
    rotation = advance(grace=grace)
    assert rotation is not None
    return rotation


def test_a_rotation_brings_every_data_key_under_a_new_key_and_leaves_the_content(acme: UUID) -> None:
    credential, (blob, chunk) = a_credential(acme), a_blob(acme)
    before = stored(credential)
    rotation = rotate()
    assert (rotation.state, rotation.unopened, rotation.progress) == ("succeeded", 0, 1.0)
    assert rotation.rewrapped >= 2
    after = stored(credential)
    assert (before[1:5], after[1:5]) == (b"\0\0\0\1", b"\0\0\0\2")
    assert before[117:] == after[117:], "the content was sealed again"
    assert versions_of(acme) == {1: "destroyed", 2: "active"}
    with scope(acme):
        assert Credential.objects.get().secret.reveal() == b"s3cr3t"
        found = Blob.objects.get(pk=blob.pk)
        assert open_data_key(found.wrapped_key, found.place).open_chunk(0, chunk, last=True) == b"content"
        assert AccountKey.objects.get(version=1).wrapped == b""
    with scope(acme), pytest.raises(SealError):
        unseal(before, credential._meta.get_field("secret").place(credential))


def test_values_from_before_versions_come_under_the_new_key_without_being_sealed_again(acme: UUID) -> None:
    old = Credential(name="old", kind=Credential.Kind.S3, created_by_label="alice", account_id=acme)
    place = Place(acme, "accounts.Credential", old.pk, "secret")
    with scope(acme):
        version, key = keys.active_key(acme)
        data_key = bytes(range(32))
        wrapped = b"\1\0\0\0\1" + box.lock(key, data_key, place.context("data-key", str(version)))
        content = box.lock(data_key, b"from before", place.context("value"))
        vars(old)["secret"] = _Held(sealed=wrapped + content)
        old.save(force_insert=True)
        assert Credential.objects.get().secret.reveal() == b"from before"
    assert rotate().unopened == 0
    assert stored(old).endswith(content)
    assert stored(old)[:5] == b"\2\0\0\0\2"
    with scope(acme):
        found = Credential.objects.get()
        assert (found.secret.reveal(), found.secret_version) == (b"from before", 0)


def test_a_rotation_is_asked_for_once_with_a_reason_and_is_on_record(acme: UUID) -> None:
    with pytest.raises(Invalid):
        begin(KeyRotation.Kind.ACCOUNTS, reason=" ")
    begin(KeyRotation.Kind.ACCOUNTS, reason="yearly")
    with pytest.raises(Conflict):
        begin(KeyRotation.Kind.ROOT, reason="too")
    assert advance_rotation() == "succeeded"
    assert (running(), advance_rotation()) == (None, "")
    with become("owner"):
        events = list(AuditEvent.objects.get_queryset().unscoped().filter(action__startswith="key."))
    told = {(event.action, event.actor_label, event.account_id) for event in events}
    assert ("key.rotate_accounts", "root", None) in told
    assert ("key.rotate", "root", acme) in told
    assert ("key.rotate_accounts.succeeded", "root", None) in told
    assert all(event.detail["reason"] == "yearly" for event in events if event.action == "key.rotate")


def test_tokens_outlive_a_rotation_of_the_platforms_key(acme: UUID) -> None:
    with transaction.atomic():
        version, digest = pepper.peppered("mlp_secret")
    assert rotate().state == "succeeded"
    tidy_keys()
    assert dict(PlatformKey.objects.values_list("version", "state")) == {1: "retired", 2: "active"}
    keys.cache.clear()
    assert pepper.matches("mlp_secret", version, digest)
    assert not pepper.matches("mlp_other", version, digest)
    with transaction.atomic():
        assert pepper.peppered("mlp_secret")[0] == 2


def test_only_one_account_may_be_rotated(acme: UUID, committed_cast: Cast) -> None:
    rotate(only=acme)
    assert versions_of(acme)[2] == "active"
    assert versions_of(committed_cast.globex.pk) == {1: "active"}


def test_a_retired_version_is_kept_while_a_transaction_still_seals_under_it(
    acme: UUID, committed_database: CommittedDatabase
) -> None:
    import psycopg

    from tests.engines.fixtures import LOGIN

    began = timezone.now()
    a_credential(acme)
    entry = connection.settings_dict
    other = psycopg.connect(
        dbname=committed_database.name, host=entry["HOST"], port=entry["PORT"], user=LOGIN,
        options="-c role=portal_system -c search_path=portal",
    )  # fmt: skip
    with other, other.cursor() as cursor:
        cursor.execute("SELECT set_config('portal.account', %s, true)", [str(acme)])
        cursor.execute("SELECT version FROM accounts_accountkey WHERE state = 'active' FOR KEY SHARE")
        assert cursor.fetchone() == (1,)
        assert rotate_key(acme, since=timezone.now()) == 2
        rewrap_account(acme)
        assert destroy_unused(acme, grace=NOW) == []
        other.commit()
    assert destroy_unused(acme, grace=timedelta(minutes=1)) == []
    assert destroy_unused(acme, grace=NOW) == [1]
    assert rotate_key(acme, since=began) == 2


def test_what_does_not_open_is_left_counted_and_keeps_its_version(acme: UUID) -> None:
    good, broken = a_credential(acme), a_credential(acme, "broken")
    with scope(acme), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_credential SET secret = set_byte(secret, 50, get_byte(secret, 50) # 1) WHERE id = %s",
            [broken.pk],
        )
    damaged = stored(broken)
    rotation = rotate()
    assert (rotation.state, rotation.unopened) == ("failed", 1)
    assert "1" in rotation.error
    assert stored(broken) == damaged
    assert versions_of(acme) == {1: "retired", 2: "active"}
    with scope(acme):
        assert Credential.objects.get(pk=good.pk).secret.reveal() == b"s3cr3t"


def test_values_are_counted_by_version(acme: UUID) -> None:
    a_credential(acme)
    a_blob(acme)
    assert count_values(acme) == {1: 2}
    rotate_key(acme, since=timezone.now())
    a_credential(acme, "second")
    assert count_values(acme) == {1: 2, 2: 1}
    mine = next(keys for keys in status().accounts if keys.id == acme)
    assert [(version.version, version.values) for version in mine.versions] == [(2, 1), (1, 2)]


def test_the_sweep_names_roots_counts_and_destroys(acme: UUID) -> None:
    with scope(acme):
        AccountKey.objects.update(root="")
    rotate_key(acme, since=timezone.now())
    with scope(acme):
        AccountKey.objects.filter(version=1).update(retired_at=timezone.now() - timedelta(hours=1))
    tidy_keys()
    with scope(acme):
        rows = AccountKey.objects.order_by("version").values_list("version", "state", "sealed_values")
        assert list(rows) == [(1, "destroyed", 0), (2, "active", 0)]
        assert AccountKey.objects.get(version=2).root.startswith("local:")
    assert PlatformKey.objects.get().root.startswith("local:")


def test_the_root_key_changes_under_everything(acme: UUID, settings: Any) -> None:
    credential = a_credential(acme)
    platform = Place(None, "accounts.User", uuid7(), "second_factor")
    with transaction.atomic():
        sealed = seal(b"totp", platform)
    old = settings.ROOT_KEY
    adopt_roots()
    assert check_root_keys() is None
    settings.ROOT_KEY, settings.ROOT_KEY_PREVIOUS = OTHER_ROOT, old
    keys.cache.clear()
    with scope(acme):
        assert Credential.objects.get().secret.reveal() == b"s3cr3t"
    assert status().root.behind >= 2
    rotation = rotate(KeyRotation.Kind.ROOT)
    assert (rotation.state, rotation.done, status().root.behind) == ("succeeded", rotation.total, 0)
    settings.ROOT_KEY_PREVIOUS = None
    keys.cache.clear()
    assert check_root_keys() is None
    assert unseal(sealed, platform) == b"totp"
    with scope(acme):
        assert Credential.objects.get(pk=credential.pk).secret.reveal() == b"s3cr3t"
    settings.ROOT_KEY = old
    assert "The root key is wrong" in str(check_root_keys())


def test_a_key_under_no_known_root_fails_the_rotation_and_stays(acme: UUID, settings: Any) -> None:
    adopt_roots()
    settings.ROOT_KEY = OTHER_ROOT
    keys.cache.clear()
    with scope(acme):
        before = bytes(AccountKey.objects.get().wrapped)
    rotation = rotate(KeyRotation.Kind.ROOT)
    assert rotation.state == "failed"
    with scope(acme):
        assert bytes(AccountKey.objects.get().wrapped) == before


def test_shredding_needs_a_still_account_the_name_and_a_reason_and_leaves_nothing(acme: UUID) -> None:
    credential = a_credential(acme)
    rotate_key(acme, since=timezone.now())
    wanted = {"confirm": "acme-1", "slug": "acme-1", "reason": "contract ended"}
    with pytest.raises(Conflict):
        shred(acme, **wanted)
    with scope(acme):
        Account.objects.filter(pk=acme).update(state=Account.State.SUSPENDED)
    for wrong in ({"confirm": "acme"}, {"reason": ""}):
        with pytest.raises(Invalid):
            shred(acme, **(wanted | wrong))
    gone = shred(acme, **wanted)
    assert (gone.versions, gone.values) == ([1, 2], {"accounts.Credential.secret": 1})
    with scope(acme):
        with pytest.raises(SealError):
            Credential.objects.get(pk=credential.pk).secret.reveal()
        with pytest.raises(SealError):
            seal(b"more", Place(acme, "accounts.Credential", uuid7(), "secret"))
        assert {bytes(key.wrapped) for key in AccountKey.objects.all()} == {b""}
        event = AuditEvent.objects.get(action="key.shred")
        assert event.detail["versions"] == [1, 2]
        assert event.detail["reason"] == "contract ended"
    assert next(keys for keys in status(live=True).accounts if keys.id == acme).versions == []


def test_an_account_that_is_opened_at_that_moment_keeps_its_keys(acme: UUID) -> None:
    """Whoever reopens it has not committed yet as the keys are about to go."""
    a_credential(acme)
    with scope(acme):
        Account.objects.filter(pk=acme).update(state=Account.State.SUSPENDED)
    ended: list[object] = []

    def destroy() -> None:
        try:
            with acting_as(SYSTEM, via="test"):
                ended.append(shred(acme, confirm="acme-1", slug="acme-1", reason="contract ended"))
        except Conflict as error:
            ended.append(error.code)
        finally:
            connection.close()

    thread = threading.Thread(target=destroy)
    with scope(acme):
        Account.objects.filter(pk=acme).update(state=Account.State.ACTIVE)
        thread.start()
        thread.join(1.0)
        assert ended == []
    thread.join(10.0)
    assert ended == ["key.account_active"]
    with scope(acme):
        assert AccountKey.objects.get().state == KeyState.ACTIVE


def test_the_command_rotates_tells_and_shreds(acme: UUID, committed_cast: Cast) -> None:
    a_credential(acme)
    slug = committed_cast.acme.slug

    def keys_command(*arguments: str) -> str:
        out = io.StringIO()
        call_command("keys", *arguments, stdout=out)
        return out.getvalue()

    with pytest.raises(CommandError, match="Say why"):
        keys_command("rotate-accounts")
    assert "re-wrapped" in keys_command("rotate-accounts", "--reason", "yearly", "--grace", "0")
    assert "0 keys re-wrapped" in keys_command("rotate-root", "--reason", "yearly")
    told = json.loads(keys_command("status", "--json"))
    mine = next(account for account in told["accounts"] if account["account"] == str(acme))
    assert [(version["version"], version["values"]) for version in mine["versions"]] == [(2, 1)]
    assert told["root"] == told["root"] | {"provider": "local", "behind": 0}
    assert "v2 active" in keys_command("status").replace("Active", "active")
    assert "right one" in keys_command("check")
    with pytest.raises(CommandError, match="in use"):
        keys_command("shred", slug, "--confirm", slug, "--reason", "gone")
    with scope(acme):
        Account.objects.filter(pk=acme).update(state=Account.State.CLOSED)
    with pytest.raises(CommandError, match="confirm with exactly"):
        keys_command("shred", slug, "--confirm", "no", "--reason", "gone")
    with pytest.raises(CommandError, match="no project"):
        keys_command("shred", "nobody", "--confirm", "nobody", "--reason", "gone")
    assert "versions 2" in keys_command("shred", slug, "--confirm", slug, "--reason", "gone")


# Columns of bytes that no key is needed for.
NOT_SEALED = {
    "accounts.AccountKey.wrapped",  # wrapped by the root key
    "accounts.PlatformKey.wrapped",
    "accounts.Factor.credential",  # the public half of a passkey
    "accounts.Factor.credential_id",
    "accounts.Throttle.key",  # a digest
}


def test_every_column_of_bytes_is_sealed_and_rotated_or_said_not_to_be() -> None:
    found = set()
    for model in apps.get_models():
        if model._meta.app_label in ("accounts", "projects", "clusters", "registry", "portal"):
            for field in model._meta.local_fields:
                if isinstance(field, models.BinaryField) and not field.name.endswith("digest"):
                    found.add(f"{model._meta.label}.{field.name}")
    # Hashes and signatures of the audit log: public, every byte of them.
    found = {name for name in found if not name.startswith("accounts.Audit")}
    rotated = {f"{column.model}.{column.column}" for column in sealed_columns(platform=False)}
    assert found - NOT_SEALED - rotated == set()
    assert {
        "accounts.Credential.secret",
        "registry.Blob.wrapped_key",
        "projects.OperationLog.sealed",
    } <= rotated


# Who seals without a SealedField: each of them has its column in the registry of rotation.
SEALS_BY_HAND = {"projects/operations/log.py", "registry/blobs/writer.py"}


def test_nothing_is_sealed_past_the_registry() -> None:
    code = Path(__file__).resolve().parents[2]
    found = set()
    for app in ("accounts", "projects", "clusters", "registry", "portal"):
        for path in (code / app).rglob("*.py"):
            name = path.relative_to(code).as_posix()
            if not name.startswith(("accounts/crypto/", "accounts/rotation/")):
                used = re.search(r"(?<![.\w])(seal|new_data_key)\(.*(?:place|Place)", path.read_text(), re.I)
                found |= {name} if used else set()
    assert found == SEALS_BY_HAND


def test_every_sealed_field_is_kept_from_falling_back(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE t.tgname LIKE '%%never_falls' AND t.tgenabled <> 'D'"
        )
        guarded = set(cursor.fetchall())
    columns = [*sealed_columns(platform=False), *sealed_columns(platform=True)]
    wanted = {(c.table, f"{c.version_column}_never_falls") for c in columns if c.version_column}
    assert wanted <= guarded
    assert len(wanted) >= 4


def test_nothing_is_rotated_unless_somebody_acts(db: None) -> None:
    with pytest.raises(LookupError):
        begin(KeyRotation.Kind.ROOT, reason="yearly")


def test_a_message_about_keys_holds_no_key(acme: UUID) -> None:
    adopt_roots()
    told = json.dumps(status(live=True).as_data())
    with scope(acme):
        for row in AccountKey.objects.exclude(state=KeyState.DESTROYED):
            assert bytes(row.wrapped).hex() not in told
    assert SYSTEM.label not in told
