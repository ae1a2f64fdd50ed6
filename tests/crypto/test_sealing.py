"""Sealing to a place, under the account's key, against the real database."""

import json
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.crypto import (
    Place,
    SealError,
    box,
    create_account_key,
    keys,
    new_data_key,
    open_data_key,
    seal,
    unseal,
)
from accounts.crypto.sealing import WRAPPED_BYTES
from accounts.ids import uuid7
from accounts.models import Account, AccountKey, PlatformKey
from accounts.tenancy import ScopeError, personal_scope, scope


def place_in(account: Account) -> Place:
    return Place(account.pk, "accounts.Credential", uuid7(), "secret")


@pytest.mark.parametrize("plaintext", [b"", b"s3cr3t", bytes(100_000)])
def test_what_is_sealed_opens_again(account: Account, plaintext: bytes) -> None:
    place = place_in(account)
    with scope(account.pk):
        sealed = seal(plaintext, place)
        assert unseal(sealed, place) == unseal(memoryview(sealed), place) == plaintext


def test_every_flipped_bit_is_found(account: Account) -> None:
    place = place_in(account)
    with scope(account.pk):
        sealed = seal(b"s3cr3t", place)
        for bit in range(len(sealed) * 8):
            changed = bytearray(sealed)
            changed[bit // 8] ^= 1 << bit % 8
            with pytest.raises(SealError):
                unseal(bytes(changed), place)


def test_every_cut_is_found(account: Account) -> None:
    place = place_in(account)
    with scope(account.pk):
        sealed = seal(b"s3cr3t", place)
        for length in range(len(sealed)):
            with pytest.raises(SealError):
                unseal(sealed[:length], place)


@pytest.mark.parametrize(
    "moved",
    [
        lambda place: replace(place, pk=uuid7()),
        lambda place: replace(place, field="note"),
        lambda place: replace(place, model="accounts.Other"),
    ],
    ids=["row", "field", "model"],
)
def test_a_moved_ciphertext_does_not_open(account: Account, moved: Callable[[Place], Place]) -> None:
    place = place_in(account)
    with scope(account.pk):
        sealed = seal(b"s3cr3t", place)
        _key, wrapped = new_data_key(place)
        with pytest.raises(SealError):
            unseal(sealed, moved(place))
        with pytest.raises(SealError):
            open_data_key(wrapped, moved(place))


def test_an_older_version_of_the_value_does_not_open(account: Account) -> None:
    place = replace(place_in(account), version=3)
    with scope(account.pk):
        sealed = seal(b"s3cr3t", place)
        assert unseal(sealed, place) == b"s3cr3t"
        for version in (0, 2, 4):
            with pytest.raises(SealError):
                unseal(sealed, replace(place, version=version))


def test_values_of_the_scheme_before_still_open_at_their_place_alone(account: Account) -> None:
    place = place_in(account)
    with scope(account.pk):
        version, key = keys.active_key(account.pk)
        data_key = bytes(range(32))
        wrapped = b"\1\0\0\0\1" + box.lock(key, data_key, place.context("data-key", str(version)))
        sealed = wrapped + box.lock(data_key, b"s3cr3t", place.context("value"))
        assert unseal(sealed, place) == b"s3cr3t"
        assert open_data_key(wrapped, place).header
        for moved in (replace(place, version=1), replace(place, pk=uuid7())):
            with pytest.raises(SealError):
                unseal(sealed, moved)


def test_the_platforms_values_open_anywhere_in_the_portal_and_nowhere_else(account: Account) -> None:
    place = Place(None, "accounts.User", uuid7(), "second_factor")
    sealed = seal(b"s3cr3t", place)
    assert unseal(sealed, place) == b"s3cr3t"
    with scope(account.pk):
        assert unseal(sealed, place) == b"s3cr3t"
        for moved in (replace(place, pk=uuid7()), replace(place, account_id=account.pk)):
            with pytest.raises(SealError):
                unseal(sealed, moved)
    assert PlatformKey.objects.get().version == 1
    with personal_scope(uuid7()):
        assert unseal(seal(b"other", place), place) == b"other"


@pytest.mark.parametrize("role", ["app", "system", "owner"])
def test_every_role_opens_what_is_the_platforms(db: None, as_role: Any, role: str) -> None:
    place = Place(None, "accounts.User", uuid7(), "second_factor")
    sealed = seal(b"s3cr3t", place)
    keys.cache.clear()
    with as_role(role):
        assert unseal(sealed, place) == b"s3cr3t"


def test_many_values_of_a_scope_are_sealed_with_one_look_at_the_key(account: Account) -> None:
    place = place_in(account)
    with scope(account.pk), CaptureQueriesContext(connection) as queries:
        for _number in range(20):
            seal(b"line", place)
        with transaction.atomic():
            seal(b"line", place)
    assert len([query for query in queries if "accountkey" in query["sql"]]) == 1


def test_a_key_locked_in_a_savepoint_is_locked_again_after_it(account: Account) -> None:
    place = place_in(account)
    with scope(account.pk), CaptureQueriesContext(connection) as queries:
        with transaction.atomic():
            seal(b"line", place)
        seal(b"line", place)
    assert len([query for query in queries if "FOR KEY SHARE" in query["sql"]]) == 2


def test_it_does_not_open_in_another_account(account: Account, other_account: Account) -> None:
    place = place_in(account)
    with scope(account.pk):
        sealed = seal(b"s3cr3t", place)
    with scope(other_account.pk):
        for claimed in (place, replace(place, account_id=other_account.pk)):
            with pytest.raises(SealError):
                unseal(sealed, claimed)


def test_it_does_not_open_in_another_deployment(account: Account, settings: Any) -> None:
    place = place_in(account)
    with scope(account.pk):
        sealed = seal(b"s3cr3t", place)
        settings.DEPLOYMENT_ID = str(uuid7())
        with pytest.raises(SealError):
            unseal(sealed, place)


def test_another_root_key_opens_nothing(account: Account, settings: Any) -> None:
    place = place_in(account)
    with scope(account.pk):
        sealed = seal(b"s3cr3t", place)
        keys.cache.clear()
        settings.ROOT_KEY = bytes(32)
        with pytest.raises(SealError):
            unseal(sealed, place)


def test_a_value_is_no_wrapped_key_and_no_chunk(account: Account) -> None:
    place = place_in(account)
    with scope(account.pk):
        sealed = seal(b"", place)
        key, wrapped = new_data_key(place)
        with pytest.raises(SealError):
            open_data_key(sealed, place)
        with pytest.raises(SealError):
            unseal(wrapped + sealed[WRAPPED_BYTES:], place)
        with pytest.raises(SealError):
            key.open_chunk(0, sealed[WRAPPED_BYTES:], last=True)


def test_a_retired_key_still_opens_and_no_longer_seals(account: Account, system_role: None) -> None:
    place = place_in(account)
    with scope(account.pk):
        old = seal(b"s3cr3t", place)
        assert create_account_key(account.pk) == 2
        new = seal(b"s3cr3t", place)
        assert (old[1:5], new[1:5]) == (b"\0\0\0\1", b"\0\0\0\2")
        assert unseal(old, place) == unseal(new, place) == b"s3cr3t"
        assert dict(AccountKey.objects.values_list("version", "state")) == {1: "retired", 2: "active"}


def test_a_ciphertext_does_not_move_to_another_version(account: Account, system_role: None) -> None:
    place = place_in(account)
    with scope(account.pk):
        sealed = seal(b"s3cr3t", place)
        create_account_key(account.pk)
        with pytest.raises(SealError):
            unseal(sealed[:1] + b"\0\0\0\2" + sealed[5:], place)
        # Not even where the row of the other version holds the same key.
        first = AccountKey.objects.get(version=1)
        AccountKey.objects.filter(version=2).update(wrapped=bytes(first.wrapped))
        with pytest.raises(SealError):
            unseal(sealed[:1] + b"\0\0\0\2" + sealed[5:], place)


def test_one_account_has_one_active_key(account: Account, system_role: None) -> None:
    with scope(account.pk), pytest.raises(IntegrityError), transaction.atomic():
        AccountKey.objects.create(version=9, wrapped=b"x", state="active")


def test_without_its_key_row_nothing_opens_though_the_key_was_just_used(
    account: Account, system_role: None
) -> None:
    place = place_in(account)
    with scope(account.pk):
        sealed = seal(b"s3cr3t", place)
        assert unseal(sealed, place) == b"s3cr3t"
        AccountKey.objects.all().delete()
    with scope(account.pk):
        with pytest.raises(SealError):
            unseal(sealed, place)
        with pytest.raises(SealError):
            seal(b"s3cr3t", place)


def test_a_key_that_was_rolled_back_is_not_remembered(account: Account, system_role: None) -> None:
    place = place_in(account)
    with scope(account.pk):
        savepoint = transaction.savepoint()
        create_account_key(account.pk)
        lost = seal(b"lost with its key", place)
        assert unseal(lost, place) == b"lost with its key"
        transaction.savepoint_rollback(savepoint)
        assert seal(b"s3cr3t", place)[1:5] == b"\0\0\0\1"
        create_account_key(account.pk)
        sealed = seal(b"s3cr3t", place)
        keys.cache.clear()
        assert unseal(sealed, place) == b"s3cr3t"


def test_outside_a_scope_nothing_is_sealed_or_opened(account: Account) -> None:
    place = place_in(account)
    with scope(account.pk):
        sealed = seal(b"s3cr3t", place)
    with pytest.raises(ScopeError):
        unseal(sealed, place)
    with pytest.raises(ScopeError):
        seal(b"s3cr3t", place)


def test_a_page_of_values_reads_the_key_once(account: Account) -> None:
    places = [place_in(account) for _ in range(20)]
    with scope(account.pk):
        sealed = [seal(b"line", place) for place in places]
    with (
        scope(account.pk),
        CaptureQueriesContext(
            connection,
        ) as queries,
    ):
        assert [unseal(value, place) for value, place in zip(sealed, places, strict=True)] == [b"line"] * 20
    assert len([query for query in queries if "accountkey" in query["sql"]]) == 1


def test_all_failures_read_the_same_and_tell_nothing(account: Account) -> None:
    place = place_in(account)
    with scope(account.pk):
        sealed = seal(b"s3cr3t", place)
        changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
        attempts = [
            (b"", place),
            (b"\x01" + sealed[1:], place),
            (b"\x03" + sealed[1:], place),
            (changed, place),
            (sealed[:1] + b"\0\0\0\7" + sealed[5:], place),
            (sealed[:1] + b"\xff\xff\xff\xff" + sealed[5:], place),
            (sealed, replace(place, field="note")),
            (sealed, replace(place, account_id=UUID(int=3))),
        ]
        errors = []
        for value, at in attempts:
            with pytest.raises(SealError) as caught:
                unseal(value, at)
            errors.append(caught.value)
    assert len({(str(error), error.code, error.status, json.dumps(error.data)) for error in errors}) == 1
    for error in errors:
        printed = "".join(traceback.format_exception(error))
        assert "InvalidTag" not in printed
        assert "s3cr3t" not in printed


def test_the_cache_is_bounded_brief_and_exact() -> None:
    cache = keys.KeyCache(size=2, seconds=60)
    for number in range(3):
        cache.put(UUID(int=number), 1, b"wrapped", bytes([number]))
    assert len(cache) == 2
    assert cache.get(UUID(int=0), 1, b"wrapped") is None
    assert cache.get(UUID(int=2), 1, b"wrapped") == b"\2"
    assert cache.get(UUID(int=2), 1, b"another") is None
    assert cache.get(UUID(int=2), 2, b"wrapped") is None
    assert repr(cache) == "<KeyCache of 2>"
    stale = keys.KeyCache(size=2, seconds=-1)
    stale.put(UUID(int=0), 1, b"wrapped", b"key")
    assert stale.get(UUID(int=0), 1, b"wrapped") is None
