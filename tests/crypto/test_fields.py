"""A sealed field: assigned in clear, stored sealed, and never shown by accident."""

import copy
import json
import pickle
from typing import Any

import pytest
from django.core import serializers
from django.core.exceptions import FieldError
from django.db import ProgrammingError, connection, transaction
from django.forms import modelform_factory
from django.utils import timezone
from rest_framework.serializers import ModelSerializer

from accounts.crypto import SealError
from accounts.models import Account, Credential
from accounts.tenancy import scope

SECRET = b"AKIA-not-a-real-key"


def a_credential(name: str = "lake") -> Credential:
    credential = Credential(name=name, kind=Credential.Kind.S3, created_by_label="alice")
    credential.secret = SECRET
    credential.save(force_insert=True)
    return credential


def stored(credential: Credential) -> bytes:
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM accounts_credential WHERE id = %s", [credential.pk])
        return bytes(cursor.fetchone()[0])


def test_it_is_stored_sealed_and_reveals_again(account: Account) -> None:
    with scope(account.pk):
        credential = a_credential()
        assert SECRET not in stored(credential)
        assert credential.secret.reveal() == SECRET
        assert Credential.objects.get(pk=credential.pk).secret.reveal() == SECRET
        assert Credential.objects.defer("secret").get(pk=credential.pk).secret.reveal() == SECRET


def test_a_new_value_replaces_it_and_other_saves_leave_it(account: Account) -> None:
    with scope(account.pk):
        credential = a_credential()
        again = Credential.objects.get(pk=credential.pk)
        again.name = "warehouse"
        again.save()
        credential.refresh_from_db()
        assert (credential.name, credential.secret.reveal()) == ("warehouse", SECRET)
        again.secret = b"rotated"
        again.save(update_fields=["secret"])
        credential.refresh_from_db()
        assert credential.secret.reveal() == b"rotated"


def test_an_old_value_put_back_does_not_open(account: Account, as_role: Any) -> None:
    with scope(account.pk):
        credential = a_credential()
        old = stored(credential)
        credential.secret = b"rotated"
        credential.save(update_fields=["secret"])
        assert (credential.secret_version, credential.secret.reveal()) == (2, b"rotated")
        put_back = "UPDATE accounts_credential SET secret = %s, secret_version = %s WHERE id = %s"
        with connection.cursor() as cursor:
            cursor.execute(put_back, [old, 2, credential.pk])
        with pytest.raises(SealError):
            Credential.objects.get(pk=credential.pk).secret.reveal()
        for role in ("app", "system", "owner"):
            with (
                as_role(role),
                pytest.raises(ProgrammingError, match="older sealed value"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(put_back, [old, 1, credential.pk])


def test_a_row_loaded_before_a_rotation_does_not_put_the_old_value_back(account: Account) -> None:
    with scope(account.pk):
        credential = a_credential()
        stale = Credential.objects.get(pk=credential.pk)
        credential.secret = b"rotated"
        credential.save()
        stale.name = "warehouse"
        stale.save()
        assert stale.name == "warehouse"
        found = Credential.objects.get(pk=credential.pk)
        assert (found.name, found.secret.reveal(), found.secret_version) == ("warehouse", b"rotated", 2)
        only = Credential.objects.only("secret").get(pk=credential.pk)
        credential.secret = b"rotated again"
        credential.save()
        assert only.secret.reveal() == b"rotated again"


def test_a_value_that_was_taken_away_does_not_come_back(account: Account) -> None:
    with scope(account.pk):
        credential = a_credential()
        assert credential.previous is None
        kept = {"previous_number": 1, "previous_until": timezone.now()}
        vars(credential).update(kept)
        credential.previous = b"before"
        credential.save()
        with connection.cursor() as cursor:
            cursor.execute("SELECT previous FROM accounts_credential WHERE id = %s", [credential.pk])
            old = bytes(cursor.fetchone()[0])
        assert Credential.objects.get().previous.reveal() == b"before"
        vars(credential).update(dict.fromkeys(kept))
        credential.previous = None
        credential.save()
        found = Credential.objects.get()
        assert (found.previous, found.previous_version) == (None, 2)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE accounts_credential SET previous = %s, previous_number = 1, previous_until = now()"
                " WHERE id = %s",
                [old, credential.pk],
            )
        with pytest.raises(SealError):
            Credential.objects.get().previous.reveal()


def test_bulk_create_seals_each_to_its_row(account: Account) -> None:
    with scope(account.pk):
        rows = [
            Credential(name=name, kind="git", created_by_label="a", secret=name.encode()) for name in "xy"
        ]
        Credential.objects.bulk_create(rows)
        assert {row.name: row.secret.reveal() for row in Credential.objects.all()} == {"x": b"x", "y": b"y"}


def test_swapped_between_rows_it_does_not_open(account: Account) -> None:
    with scope(account.pk):
        mine, yours = a_credential("mine"), a_credential("yours")
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE accounts_credential SET secret = other.secret "
                "FROM accounts_credential other WHERE other.id = %s AND accounts_credential.id = %s",
                [yours.pk, mine.pk],
            )
        mine.refresh_from_db()
        with pytest.raises(SealError):
            mine.secret.reveal()
        with pytest.raises(ValueError, match="belongs to its row"):
            mine.secret = yours.secret


def test_nothing_shows_it(account: Account) -> None:
    with scope(account.pk):
        saved = a_credential()
        unsaved = Credential(name="new", kind="s3", created_by_label="a", secret=SECRET)
        for credential in (saved, unsaved, Credential.objects.get(pk=saved.pk)):
            shown = [
                str(credential.secret),
                repr(credential.secret),
                f"{credential.secret}",
                repr(vars(credential)),
            ]
            assert not any("AKIA" in text for text in shown)
            assert credential.secret != SECRET
            with pytest.raises(TypeError):
                json.dumps(credential.secret)
            with pytest.raises(TypeError):
                bytes(credential.secret)
            with pytest.raises(TypeError):
                pickle.dumps(credential)
            with pytest.raises(TypeError):
                pickle.dumps(credential.secret)
        assert "AKIA" not in repr(list(Credential.objects.values("secret")))
        assert copy.deepcopy(saved).secret.reveal() == SECRET


def test_serializers_and_forms_refuse_it(account: Account) -> None:
    with scope(account.pk):
        credential = a_credential()
        with pytest.raises(TypeError, match="not serialized"):
            serializers.serialize("json", [credential])
        assert "secret" not in modelform_factory(Credential, fields="__all__").base_fields

        class Everything(ModelSerializer[Credential]):
            class Meta:
                model = Credential
                fields = "__all__"

        with pytest.raises(TypeError, match="not serialized"):
            print(Everything(credential).data)


def test_it_is_not_searched_and_not_set_past_its_row(account: Account) -> None:
    with scope(account.pk):
        a_credential()
        assert Credential.objects.filter(secret__isnull=False).count() == 1
        for lookup in ({"secret": SECRET}, {"secret__contains": b"A"}, {"secret__startswith": b"A"}):
            with pytest.raises(FieldError):
                Credential.objects.filter(**lookup).exists()
        with pytest.raises(TypeError, match="sealed to the row"), transaction.atomic():
            Credential.objects.update(secret=b"for all rows")
        with pytest.raises(TypeError, match="takes bytes"):
            Credential(secret="text")
