"""One record is shown to an outsider without the rest of the log; and one checkpoint continues another."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from accounts.audit import proofs, verify_export
from accounts.audit.keys import trusted_ring
from accounts.audit.verify_export import consistent, leaf_hash, root_of_path
from accounts.models.audit_seal import AuditCheckpoint
from tests.audit.conftest import SealedLogs, seal, write
from tests.engines.fixtures import become


def hashes(size: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(size)]


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    middle = proofs.split(len(leaves))
    return verify_export.node_hash(by_definition(leaves[:middle]), by_definition(leaves[middle:]))


class InMemory(proofs._Hashes):
    """The same hashes over leaves in memory."""

    leaves: list[bytes] = []

    def of(self, start: int, end: int) -> bytes:
        return by_definition(self.leaves[start:end])


def test_paths_of_every_leaf_and_every_pair_of_small_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    InMemory.leaves = every = hashes(40)
    monkeypatch.setattr(proofs, "_Hashes", InMemory)
    log: Any = None
    for size in range(1, 41):
        root = by_definition(every[:size])
        for index in range(size):
            path = proofs.inclusion_path(log, index, size)
            assert root_of_path(every[index], index, size, path) == root
            assert root_of_path(every[index], (index + 1) % size, size, path) != root or size == 1
            for wrong in (path[:-1], [*path, every[0]], [bytes(32), *path[1:]] if path else [bytes(32)]):
                assert wrong == path or root_of_path(every[index], index, size, wrong) != root
        for first in range(1, size + 1):
            path = proofs.consistency_path(log, first, size)
            old = by_definition(every[:first])
            assert consistent(first, size, old, root, path)
            assert not consistent(first, size, bytes(32), root, path)
            assert not consistent(first, size, old, bytes(32), path) or first == size
            assert not consistent(first, size, old, root, [*path, every[0]])
            if path:
                assert not consistent(first, size, old, root, path[:-1])
                assert not consistent(first, size, old, root, [bytes(32), *path[1:]])


def verified(tmp_path: Path, document: Any, *more: str) -> tuple[int, str]:
    """What the standalone program says, as an outsider runs it: nothing of the portal can be imported."""
    file = tmp_path / "proof.json"
    file.write_text(json.dumps(document))
    program = tmp_path / "verify_export.py"
    program.write_text(Path(verify_export.__file__).read_text())
    key = next(iter(trusted_ring().keys))
    done = subprocess.run(
        [sys.executable, "-I", str(program), str(file), "--proof", "--key", key, *more],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def an_event(logs: SealedLogs, index: int) -> str:
    with become("system"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT event_id FROM accounts_auditleaf WHERE log_id = %s AND index = %s", [logs.acme, index]
        )
        return str(cursor.fetchone()[0])


def test_a_person_downloads_proofs_and_an_outsider_checks_them(logs: SealedLogs, tmp_path: Path) -> None:
    stella, url = logs.cast.client("stella"), logs.cast.url
    event = an_event(logs, 9)
    answer = stella.get(f"{url}/audit-events/{event}/proof")
    assert answer.status_code == 200
    assert "attachment" in answer["Content-Disposition"]
    proof = answer.json()
    status, said = verified(tmp_path, proof)
    assert status == 0, said
    assert event in said
    receipt = stella.get(f"{url}/audit-log/receipt").json()
    towards = stella.get(f"{url}/audit-events/{event}/proof?checkpoint={receipt['sequence']}").json()
    kept = tmp_path / "receipt.json"
    kept.write_text(json.dumps(receipt))
    assert verified(tmp_path, towards, "--since", str(kept))[0] == 0
    continued = stella.get(f"{url}/audit-log/consistency?from=1&to={receipt['sequence']}").json()
    assert verified(tmp_path, continued, "--since", str(kept))[0] == 0
    assert verified(
        tmp_path, stella.get(f"{url}/audit-events/{event}/proof?checkpoint=2").json(), "--since", str(kept)
    )[0] == (1 if receipt["sequence"] != 2 else 0)
    page = stella.get(f"/projects/{logs.cast.acme.slug}/audit/?event={event}").content.decode()
    assert f"{url}/audit-events/{event}/proof" in page
    assert f'action="{url}/audit-log/consistency"' in page


def test_each_alteration_of_a_proof_is_found(logs: SealedLogs, tmp_path: Path) -> None:
    stella, url = logs.cast.client("stella"), logs.cast.url
    text = stella.get(f"{url}/audit-events/{an_event(logs, 9)}/proof").content
    for change in (
        lambda d: d["row"].update(actor_label="mallory"),
        lambda d: d.update(index=10),
        lambda d: d["path"].reverse(),
        lambda d: d["path"].pop(),
        lambda d: d.update(leaf="00" * 32),
        lambda d: d.update(log=str(logs.globex)),
        lambda d: d.update(event=an_event(logs, 8)),
        lambda d: d["checkpoint"].update(body=d["checkpoint"]["body"].replace("size ", "size 1")),
        lambda d: d.update(path=[*d["path"], "00" * 32]),
    ):
        document = json.loads(text)
        change(document)  # type: ignore[no-untyped-call]
        status, said = verified(tmp_path, document)
        assert status == 1, said
    text = stella.get(f"{url}/audit-log/consistency?from=1&to=3").content
    for change in (
        lambda d: d["path"].pop(),
        lambda d: d.update(first=d["checkpoint"]),
        lambda d: d["path"].reverse(),
    ):
        document = json.loads(text)
        change(document)  # type: ignore[no-untyped-call]
        assert verified(tmp_path, document)[0] == 1


def test_who_gets_a_proof(logs: SealedLogs) -> None:
    cast, event = logs.cast, an_event(logs, 9)
    theirs = f"/api/v1/projects/{cast.globex.slug}/audit-events/{event}/proof"
    assert cast.client("charlie").get(theirs).status_code == 404, "of another log"
    assert cast.client("sam").get(f"{cast.url}/audit-events/{event}/proof").status_code == 403
    audrey = cast.client("audrey")
    proof = audrey.get(f"/api/v1/platform/audit-events/{event}/proof").json()
    assert (proof["log"], proof["index"]) == (str(logs.acme), 9)
    log = "/api/v1/platform/audit-log/consistency"
    assert audrey.get(f"{log}?log=platform&from=1&to=2").json()["kind"] == "consistency"
    for query, status in (
        ("log=platform&from=2&to=1", 400),
        ("log=platform&from=1&to=999", 404),
        ("from=1&to=2", 400),
    ):
        assert audrey.get(f"{log}?{query}").status_code == status, query
    assert audrey.get(f"/api/v1/platform/audit-events/{event}/proof?checkpoint=999").status_code == 404
    write(logs.acme, 1)
    with become("system"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT event_id FROM accounts_auditpending WHERE log_id = %s ORDER BY seq DESC", [logs.acme]
        )
        waiting = cursor.fetchone()[0]
    alice = cast.client("alice")
    assert alice.get(f"{cast.url}/audit-events/{waiting}/proof").status_code == 409
    seal()
    assert alice.get(f"{cast.url}/audit-events/{waiting}/proof").status_code == 200
    assert alice.get(f"{cast.url}/audit-events/{waiting}/proof?checkpoint=1").status_code == 400


def test_a_log_that_is_not_as_it_was_sealed_proves_nothing(logs: SealedLogs) -> None:
    event = an_event(logs, 9)
    with logs.tampering() as session:
        session.execute(
            "UPDATE accounts_auditleaf SET hash = sha256('x') WHERE log_id = %s AND index = 3", [logs.acme]
        )
    answer = logs.cast.client("stella").get(f"{logs.cast.url}/audit-events/{event}/proof")
    assert answer.status_code == 409
    assert answer.json()["code"] == "audit.not_as_sealed"


def test_few_leaves_are_read_of_a_large_log(logs: SealedLogs) -> None:
    """Four thousand rows in forty checkpoints: what frontiers hold is not computed again."""
    for _turn in range(40):
        write(logs.acme, 100)
        seal()
    with become("system"):
        last = AuditCheckpoint.objects.get_queryset().unscoped().filter(log_id=logs.acme).latest("sequence")
        tree_size = last.size
        read: list[int] = []
        before = proofs._Hashes._leaves

        def counted(self: proofs._Hashes, start: int, end: int) -> bytes:
            read.append(end - start)
            return before(self, start, end)

        proofs._Hashes._leaves = counted  # type: ignore[method-assign]
        try:
            for index in (0, 1, 1000, 2047, 2048, tree_size - 1):
                read.clear()
                document = proofs.inclusion(logs.acme, index)
                assert len(document["path"]) <= 13
                assert sum(read) <= 1300, (index, read)
        finally:
            proofs._Hashes._leaves = before  # type: ignore[method-assign]
    assert settings.DATABASE_ROLE == "app"
