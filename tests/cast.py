"""The fixed cast of the tests, in two accounts that must not notice each other.

alice owns acme's project; bob views, sam is a scientist, oscar an operator, stella a steward, mia a maintainer in it.
charlie owns globex's project and is an outsider to acme. root runs the platform, audrey audits it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client

from accounts import audit
from accounts.audit import Actor
from accounts.models import Account, User
from accounts.recent import CONFIRMED_AT
from accounts.tenancy import scope
from projects.actions.accounts import open_account
from projects.actions.tokens import make_token
from projects.doors.grant import Grant
from projects.models import Membership, Project, Token
from projects.permissions import Role, permissions_of

PASSWORD = "correct horse battery staple"
MEMBERS = {
    "bob": Role.VIEWER,
    "sam": Role.SCIENTIST,
    "oscar": Role.OPERATOR,
    "stella": Role.STEWARD,
    "mia": Role.MAINTAINER,
}
PEOPLE = ("alice", *MEMBERS, "charlie", "root", "audrey")


@dataclass
class Cast:
    """Everybody, and the two projects they work in (or do not)."""

    people: dict[str, User] = field(default_factory=dict)
    acme: Project = None  # type: ignore[assignment]
    globex: Project = None  # type: ignore[assignment]

    def __getattr__(self, name: str) -> User:
        try:
            return self.people[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def url(self) -> str:
        """The address of acme's API."""
        return f"/api/v1/projects/{self.acme.slug}"

    def client(self, name: str, *, signed_in: float = 0.0) -> Client:
        """A browser in which this person has signed in, so many seconds ago (anonymous where `name` is empty)."""
        client = Client()
        if name:
            client.force_login(self.people[name])
            session = client.session
            session[CONFIRMED_AT] = time.time() - signed_in
            session.save()
        return client

    def grant(self, name: str = "alice", via: str = "api", project: Project | None = None) -> Grant:
        """What the door would hand out for this person in acme's project."""
        project = project or self.acme
        with scope(project.account_id):
            role = Membership.objects.get(user=self.people[name]).role
        return Grant(
            Actor("user", str(self.people[name].pk), name),
            self.people[name].pk,
            project.account_id,
            project.slug,
            project.name,
            role,
            frozenset(map(str, permissions_of(role))),
            via,
        )

    @contextmanager
    def inside(self, name: str = "alice", project: Project | None = None) -> Iterator[Grant]:
        """Act as this person in the scope of acme's account."""
        grant = self.grant(name, project=project)
        with audit.acting_as(grant.actor, via=grant.via), scope(grant.account_id):
            yield grant

    def token(
        self, name: str = "alice", *, project: Project | None = None, role: str = "", **options: Any
    ) -> tuple[Token, str]:
        """A token of this person, with their own role unless told."""
        with self.inside(name, project) as grant:
            return make_token(
                self.people[name],
                name=f"{name}'s",
                role=role or grant.role,
                lifetime=options.pop("lifetime", timedelta(hours=1)),
                **options,
            )

    def bearer(self, name: str = "alice", **options: Any) -> dict[str, str]:
        """The header of such a token, for Django's test client."""
        return {"HTTP_AUTHORIZATION": f"Bearer {self.token(name, **options)[1]}"}


@cache
def _hashed() -> str:
    """Everybody's password, hashed once: Argon2 is slow on purpose."""
    return make_password(PASSWORD)


def assemble() -> Cast:
    """Make everybody, and both accounts through the action that makes them in production."""
    cast = Cast()
    with audit.acting_as(audit.SYSTEM, via="command"):
        for name in PEOPLE:
            platform = {"root": "admin", "audrey": "auditor"}.get(name, "member")
            user = User(username=name, platform_role=platform, password=_hashed())
            user.save(force_insert=True)
            cast.people[name] = user
        _account, cast.acme = open_account("Acme", Account.Kind.GENERAL, cast.alice)
        _account, cast.globex = open_account("Globex", Account.Kind.TRUSTED, cast.charlie)
        with scope(cast.acme.account_id):
            for name, role in MEMBERS.items():
                Membership(user=cast.people[name], role=role).save(force_insert=True)
    return cast


@pytest.fixture
def cast(db: None) -> Cast:
    """The cast, in this test's transaction."""
    return assemble()


@pytest.fixture
def committed_cast(committed_database: Any) -> Cast:
    """The cast in a database in which commits are real."""
    return assemble()


def events(account_id: UUID, **filters: Any) -> list[tuple[str, str, str]]:
    """The account's audit events as (action, outcome, actor), oldest first."""
    from accounts.models import AuditEvent

    with scope(account_id):
        rows = AuditEvent.objects.filter(account_id=account_id, **filters).order_by("at", "id")
        return list(rows.values_list("action", "outcome", "actor_label"))
