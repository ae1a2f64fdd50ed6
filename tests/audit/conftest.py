"""A log with rows in three places, sealed in several checkpoints; and the hands of a database's superuser."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.conf import settings

from accounts import audit
from accounts.audit import Target, sealing
from accounts.audit.keys import key_file, trusted_ring
from accounts.audit.verify_export import Finding
from accounts.audit.whole import verify_all
from accounts.models.audit_seal import AuditCheckpoint
from accounts.tenancy import scope
from tests.cast import Cast
from tests.engines.fixtures import CommittedDatabase, Engines, become


def write(account_id: UUID | None, count: int, action: str = "dataset.download") -> None:
    """Write rows with awkward content."""
    with audit.acting_as(audit.Actor("user", "u-1", "앨리스\tB\\N"), via="api", user_agent="line\nbreak\\"):
        for number in range(count):
            about = Target("dataset", str(number), f"웨이퍼 {number} \\ \x0b")
            detail = {"reason": "a\tb\nc \\ “é”", "n": number, "f": 1.10, "deep": {"b": [1, None], "a": True}}
            if account_id is None:
                audit.record(action, about, detail=detail)
            else:
                with scope(account_id):
                    audit.record(action, about, detail=detail)


@dataclass
class SealedLogs:
    """acme's, globex's and the platform's logs, sealed thrice."""

    cast: Cast
    database: CommittedDatabase
    engines: Engines

    @property
    def acme(self) -> UUID:
        return self.cast.acme.account_id

    @property
    def globex(self) -> UUID:
        return self.cast.globex.account_id

    def findings(self, receipt: Any = None) -> list[Finding]:
        with become("system"):
            return verify_all(trusted_ring(), receipt=receipt).findings

    def kinds(self) -> set[str]:
        return {one.kind for one in self.findings()}

    def size(self, log_id: UUID) -> int:
        with become("system"):
            found = (
                AuditCheckpoint.objects.get_queryset().unscoped().filter(log_id=log_id).order_by("-sequence")
            )
            return found[0].size

    @contextmanager
    def tampering(self) -> Iterator["psycopg.Connection[Any]"]:
        """Work as the database's superuser, every trigger of the log off."""
        with self.engines.postgres.connect(self.database.name) as session:
            session.execute("SET search_path = portal")
            self._triggers(session, "DISABLE TRIGGER ALL")
            try:
                yield session
            finally:
                self._triggers(session, "ENABLE TRIGGER ALL")
                names = session.execute(
                    "SELECT tgname, tgrelid::regclass FROM pg_trigger"
                    " WHERE tgname IN ('append_only', 'no_truncate', 'enqueue')"
                ).fetchall()
                for name, relation in names:
                    session.execute(f"ALTER TABLE {relation} ENABLE ALWAYS TRIGGER {name}")  # type: ignore[arg-type]

    @staticmethod
    def _triggers(session: "psycopg.Connection[Any]", how: str) -> None:
        found = session.execute(
            "SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'portal' AND c.relkind IN ('r', 'p') AND c.relname LIKE 'accounts_audit%'"
        ).fetchall()
        for (relation,) in found:
            session.execute(f"ALTER TABLE {relation} {how}")  # type: ignore[arg-type]


def seal() -> int:
    with become("system"):
        return sealing.seal_all().sealed


@pytest.fixture(autouse=True)
def signing_key_of_the_test() -> Iterator[None]:
    """Each test's database starts without a key: so does its home."""
    for name in ("audit_key", "audit_key.next"):
        key_file().with_name(name).unlink(missing_ok=True)
    assert not settings.AUDIT_KEY
    yield
    key_file().unlink(missing_ok=True)


@pytest.fixture
def logs(committed_cast: Cast, committed_database: CommittedDatabase, engines: Engines) -> SealedLogs:
    """Three logs, each sealed in three checkpoints."""
    for _turn in range(3):
        for account_id in (committed_cast.acme.account_id, committed_cast.globex.account_id, None):
            write(account_id, 7)
        assert seal() >= 21
    return SealedLogs(committed_cast, committed_database, engines)
