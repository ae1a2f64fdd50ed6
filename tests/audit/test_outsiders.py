"""An auditor with an export, a public key and a receipt needs no portal: one file, Python and `cryptography`."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

import accounts.audit.verify_export as verifier
from accounts.audit import keys
from accounts.audit.export import cell
from tests.audit.conftest import SealedLogs, seal, write
from tests.engines.fixtures import become

BLOCKER = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("django", "psycopg", "accounts", "portal", "projects", "rest_framework"):
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
import runpy
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def check(*arguments: str) -> tuple[int, str]:
    """Run a copy of the verifier away from the portal, without any of its modules."""
    run = subprocess.run(
        [sys.executable, "-I", "-c", BLOCKER, verifier.__file__, *arguments],
        capture_output=True,
        text=True,
        cwd="/",
        timeout=60,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr


@pytest.fixture
def export(logs: SealedLogs, tmp_path: Path) -> Path:
    path = tmp_path / "acme.jsonl"
    with become("system"):
        call_command("audit", "export", "--account", str(logs.acme), "--output", str(path), verbosity=0)
    return path


@pytest.fixture
def key(logs: SealedLogs) -> str:
    with become("system"):
        return keys.signing_key().fingerprint


def documents(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def put(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def test_a_good_export_is_good(export: Path, key: str, logs: SealedLogs, tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.json"
    with become("system"):
        call_command("audit", "receipt", "--account", str(logs.acme), "--output", str(receipt))
    status, said = check(str(export), "--key", key, "--since", str(receipt))
    assert (status, said.split(":")[0]) == (0, "OK"), said
    assert "extending the receipt" in said
    rows = [line for line in documents(export) if line["type"] == "row"]
    assert len(rows) >= 21
    public = tmp_path / "audit.pub"
    public.write_text(key)
    assert check(str(export), "--key", str(public))[0] == 0


@pytest.mark.parametrize(
    "what", ["edit", "delete", "insert", "swap", "cut", "drop_checkpoint", "cut_all", "no_end"]
)
def test_a_changed_export_is_not(export: Path, key: str, what: str) -> None:
    lines = documents(export)
    rows = [place for place, line in enumerate(lines) if line["type"] == "row"]
    checkpoints = [place for place, line in enumerate(lines) if line["type"] == "checkpoint"]
    event = lines[rows[5]]["event"]
    match what:
        case "edit":
            lines[rows[5]]["row"]["actor_label"] = "somebody"
            wanted = f"edited: {lines[0]['log']}: row {event}, number 5"
        case "delete":
            del lines[rows[5]]
            wanted = "deleted"
        case "insert":
            lines.insert(rows[5], lines[rows[5]])
            wanted = "inserted"
        case "swap":
            one, two = lines[rows[5]], lines[rows[6]]
            one["row"], two["row"] = two["row"], one["row"]
            wanted = "reordered"
        case "cut":
            del lines[rows[-2] : rows[-1] + 1]
            wanted = "truncated"
        case "drop_checkpoint":
            del lines[checkpoints[1]]
            wanted = "chain"
        case "cut_all":
            del lines[rows[-1]]
            del lines[checkpoints[-1]]
            wanted = "inserted"
        case _:
            del lines[-1]
            wanted = "no end"
    put(export, lines)
    status, said = check(str(export), "--key", key)
    assert status == 1, said
    assert wanted in said


def test_another_key_is_not_believed(export: Path) -> None:
    status, said = check(str(export), "--key", "ab" * 32)
    assert status == 1
    assert "forged" in said


def test_nonsense_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("{}\n")
    assert check(str(path), "--key", "ab" * 32)[0] == 2


def test_an_export_from_an_old_database_is_found_with_a_receipt(
    export: Path, key: str, logs: SealedLogs, tmp_path: Path
) -> None:
    write(logs.acme, 2)
    seal()
    receipt = tmp_path / "receipt.json"
    with become("system"):
        call_command("audit", "receipt", "--account", str(logs.acme), "--output", str(receipt))
    status, said = check(str(export), "--key", key, "--since", str(receipt))
    assert status == 1
    assert "restored" in said


def test_an_export_goes_on_being_good_after_the_key_was_replaced(
    logs: SealedLogs, key: str, tmp_path: Path
) -> None:
    with become("system"):
        call_command("audit", "rotate-key", verbosity=0)
    write(logs.acme, 2)
    seal()
    path = tmp_path / "acme.jsonl"
    with become("system"):
        call_command("audit", "export", "--account", logs.cast.acme.slug, "--output", str(path), verbosity=0)
    assert check(str(path), "--key", key)[0] == 0, "whoever knows the first key can follow to the second"


def test_the_command_verifies(logs: SealedLogs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    receipt = tmp_path / "receipt.json"
    with become("system"):
        call_command("audit", "receipt", "--output", str(receipt))
        call_command("audit", "seal")
        call_command("audit", "verify", "--since", str(receipt))
        call_command("audit", "verify", "--account", "platform")
        call_command("audit", "key")
        assert capsys.readouterr().out.count("OK: ") == 2
        with pytest.raises(CommandError):
            call_command("audit", "verify", "--account", "nowhere")
    with logs.tampering() as session:
        session.execute("UPDATE accounts_auditevent SET ip = 'x' WHERE account_id = %s", [logs.globex])
    with become("system"), pytest.raises(SystemExit):
        call_command("audit", "verify")
    assert "WRONG  edited" in capsys.readouterr().out


def test_a_spreadsheet_computes_nothing(logs: SealedLogs, tmp_path: Path) -> None:
    from accounts import audit
    from accounts.tenancy import scope

    with (
        audit.acting_as(audit.Actor("user", "1", "=HYPERLINK(1)"), via="api", user_agent="+1"),
        scope(logs.acme),
    ):
        audit.record("x.y", audit.Target("t", "@SUM(A1)", "-2+3"))
    seal()
    path = tmp_path / "acme.csv"
    with become("system"):
        call_command("audit", "export", "--account", str(logs.acme), "--format", "csv", "--output", str(path))
    found = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
    assert found[0][:2] == ["index", "id"]
    cells = [text for line in found[1:] for text in line]
    assert not [text for text in cells if text[:1] in ("=", "+", "-", "@")]
    assert "'=HYPERLINK(1)" in cells
    assert [cell(text) for text in ("a", "=1", " =1", "\t=1", "＝1", "'x")] == [
        "a",
        "'=1",
        "' =1",
        "'\t=1",
        "'＝1",
        "'x",
    ]
