"""Two accounts with a protection key each."""

import pytest

from accounts.audit import Actor, acting_as
from accounts.ids import uuid7
from accounts.models import Account, User
from projects.actions.accounts import open_account


def an_account(name: str) -> Account:
    """Open an account with a key, a project and an owner of its own."""
    owner = User.objects.create(username=f"owner-{uuid7().hex[-12:]}")
    with acting_as(Actor("user", str(owner.pk), owner.username), via="test"):
        return open_account(name, Account.Kind.GENERAL, owner)[0]


@pytest.fixture
def account(db: None) -> Account:
    return an_account("Etch")


@pytest.fixture
def other_account(db: None) -> Account:
    return an_account("Litho")
