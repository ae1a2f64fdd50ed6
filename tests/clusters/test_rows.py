"""Rows of clusters: placements, the walls around them, logs, identities of this machine."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from accounts.audit import Actor, acting_as
from accounts.errors import Conflict
from accounts.ids import uuid7
from accounts.models import Account, AuditEvent
from accounts.tenancy import ScopeError, scope
from clusters.actions import (
    Owner,
    find_workload,
    local_cluster,
    place,
    restart_workload,
    start_workload,
    stop_workload,
    workload_log,
)
from clusters.local import shipping
from clusters.local.identities import Identities, first_uid
from clusters.local.preparing import remove_tree
from clusters.models import Cluster, Placement, Workload, WorkloadLog
from clusters.plans import Plan
from clusters.states import Desired, Phase
from tests.crypto.conftest import an_account

AsRole = Callable[[str], AbstractContextManager[None]]


@pytest.fixture
def acting() -> AbstractContextManager[object]:
    return acting_as(Actor("user", "u", "owner"), via="test")


def a_workload(account: Account, kind: str = "job") -> Workload:
    with scope(account.pk):
        return start_workload(kind=kind, owner=Owner("test", uuid7(), "label"), plan=Plan(argv=("true",)))


@pytest.mark.django_db
def test_starting_is_idempotent_and_on_record(acting: AbstractContextManager[object]) -> None:
    account = an_account("Etch")
    with acting, scope(account.pk):
        owner = Owner("test", uuid7(), "label")
        first = start_workload(kind="job", owner=owner, plan=Plan(argv=("true",)))
        assert start_workload(kind="job", owner=owner, plan=Plan(argv=("other",))) == first
        assert find_workload("test", owner.id) == first
        assert find_workload("test", uuid7()) is None
        assert AuditEvent.objects.filter(action="workload.start").count() == 1
        assert AuditEvent.objects.filter(action="cluster.place").count() == 1
        with pytest.raises(Conflict, match="launch it again"):
            restart_workload(first)
        stop_workload(first)
        assert first.desired == Desired.STOPPED
        stop_workload(first)
        assert AuditEvent.objects.filter(action="workload.stop").count() == 1


@pytest.mark.django_db
def test_another_accounts_rows_are_not_there(acting: AbstractContextManager[object]) -> None:
    etch, litho = an_account("Etch"), an_account("Litho")
    with acting:
        theirs = a_workload(etch)
    with scope(litho.pk):
        assert not Workload.objects.exists()
        assert not Placement.objects.exists()
        assert Cluster.objects.get() == local_cluster(), "the machine itself is everyone's"
    with pytest.raises(ScopeError):
        Workload.objects.get(pk=theirs.pk)


@pytest.mark.django_db
def test_the_web_cannot_write_the_cluster(as_role: AsRole) -> None:
    assert Cluster.objects.update(isolation="namespace") == 0
    with pytest.raises(DatabaseError), transaction.atomic():
        Cluster.objects.create(kind="kubernetes", name="mine")
    with as_role("system"):
        assert Cluster.objects.update(isolation="namespace", agent_seen_at=timezone.now()) == 1


@pytest.mark.django_db
def test_a_machine_without_walls_serves_one_account(
    as_role: AsRole, acting: AbstractContextManager[object]
) -> None:
    etch, litho = an_account("Etch"), an_account("Litho")
    with as_role("system"):
        Cluster.objects.update(isolation="none")
    with acting:
        with scope(etch.pk):
            assert place().account_id == etch.pk
            assert place().account_id == etch.pk
        with scope(litho.pk), pytest.raises(Conflict, match="one account only"):
            place()
        with as_role("system"):
            Cluster.objects.update(isolation="namespace")
        with scope(litho.pk):
            assert place().account_id == litho.pk


@pytest.mark.django_db
def test_a_silent_agent_makes_active_workloads_unknown(
    as_role: AsRole, acting: AbstractContextManager[object]
) -> None:
    account = an_account("Etch")
    with acting:
        workload = a_workload(account)
    assert workload.observed_phase == Phase.UNKNOWN
    with as_role("system"):
        Cluster.objects.update(agent_seen_at=timezone.now())
    with scope(account.pk):
        assert Workload.objects.get(pk=workload.pk).observed_phase == Phase.PENDING


@pytest.mark.django_db
def test_logs_are_stored_once_however_often_they_are_shipped(
    tmp_path: Path, acting: AbstractContextManager[object]
) -> None:
    account = an_account("Etch")
    with acting:
        workload = a_workload(account)
    path = tmp_path / "log"
    assert shipping.ship(workload, path) is False
    text = "".join(f"수율 {n}\n" for n in range(30_000))
    data = text.encode()
    for end in (1, 10, 70_000, 70_001, 200_000, len(data)):
        path.write_bytes(data[:end])
        shipping.ship_all(workload, path)
        workload.log_bytes = max(0, workload.log_bytes - 1000)  # as after a crash before the count was kept
        shipping.ship_all(workload, path)
    with scope(account.pk):
        row = Workload.objects.get(pk=workload.pk)
        assert row.log_bytes == len(data)
        read, offset = "", 0
        while True:
            more, after = workload_log(row, offset)
            if after == offset:
                break
            read, offset = read + more, after
        assert read == text
        assert workload_log(row, offset) == ("", offset)
        assert text.encode().endswith(
            workload_log(row, len(data) - 50)[0].encode().lstrip(b"\xef\xbf\xbd")[-20:]
        )
        assert data[:40] not in bytes(
            WorkloadLog.objects.raw("SELECT id, content AS raw FROM clusters_workloadlog")[0].raw  # type: ignore[attr-defined]
        )


def test_a_user_id_is_one_accounts_for_ever(tmp_path: Path) -> None:
    first, second = uuid7(), uuid7()
    identities = Identities(tmp_path, 300_000)
    uid = identities.uid_of(first)
    assert identities.uid_of(second) != uid
    assert Identities(tmp_path, 300_000).uid_of(first) == uid
    assert identities.all_uids() == {uid, identities.uid_of(second)}
    assert first_uid("a") != first_uid("b")


def test_a_folder_whose_rights_were_taken_away_is_deleted(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    inner = tmp_path / "files" / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "file").touch()
    (inner / "link").symlink_to(outside)
    inner.chmod(0)
    inner.parent.chmod(0)
    remove_tree(tmp_path / "files")
    assert not (tmp_path / "files").exists()
    assert os.stat(outside).st_mode & 0o777 == 0o755
