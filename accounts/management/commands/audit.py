"""`manage.py audit …`: seal, verify, receipts, exports and the signing key, for operators."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts import audit
from accounts.audit import Target, keys, sealing, whole
from accounts.audit.export import csv_lines, json_lines
from accounts.audit.receipts import read_receipt, receipt_of
from accounts.audit.rows import PLATFORM_LOG
from accounts.audit.verification import verify_log
from accounts.crypto.signing import decode_seed
from accounts.models import Account
from accounts.tenancy import scope


class Command(BaseCommand):
    help = "The audit log: seal, verify, receipt, export, key, rotate-key. See docs/audit.md."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        commands.add_parser("seal", help="seal what waits now")
        verify = commands.add_parser(
            "verify", help="check the log; ends with status 1 where something is wrong"
        )
        verify.add_argument("--since", type=Path, help="a receipt that was kept: today's log must extend it")
        receipt = commands.add_parser("receipt", help="write a receipt to keep outside the portal")
        receipt.add_argument("--output", type=Path, help="file to write (standard output)")
        export = commands.add_parser(
            "export", help="write one log out, for the standalone verifier or a spreadsheet"
        )
        export.add_argument("--format", choices=["jsonl", "csv"], default="jsonl")
        export.add_argument("--output", type=Path, required=True, help="file to write")
        for command in (verify, receipt, export):
            command.add_argument("--account", help="slug of the account's project, its id, or “platform”")
        commands.add_parser("key", help="print the public keys that sign the log")
        rotate = commands.add_parser("rotate-key", help="let a new signing key follow the present one")
        rotate.add_argument(
            "--next-key-file", type=Path, help="the new seed, where the key is in PORTAL_AUDIT_KEY"
        )

    def handle(self, *args: Any, command: str, **options: Any) -> None:
        try:
            with audit.acting_as(audit.SYSTEM, via="command"):
                getattr(self, command.replace("-", "_"))(**options)
        except keys.KeyTrouble as error:
            raise CommandError(str(error)) from None

    def _log(self, account: str | None) -> UUID | None:
        """Find the log that the operator means: by project slug, by id, or the platform's."""
        if account is None:
            return None
        if account == "platform":
            return PLATFORM_LOG
        try:
            return UUID(account)
        except ValueError:
            from django.db import connection

            with connection.cursor() as cursor:
                cursor.execute("SELECT find_project(%s)", [account])
                row = cursor.fetchone()
        if row is None or row[0] is None:
            raise CommandError(f"There is no project “{account}”.") from None
        found: UUID = row[0]
        return found

    def seal(self, **_options: Any) -> None:
        """Seal what waits."""
        done = sealing.seal_all()
        self.stdout.write(f"{done.sealed} rows sealed.")
        if done.refused:
            raise CommandError(f"{len(done.refused)} logs were refused: run `manage.py audit verify`.")

    def verify(self, account: str | None, since: Path | None, **_options: Any) -> None:
        """Verify one log, or all of them; each finding on a line of its own."""
        ring = keys.trusted_ring()
        receipt = read_receipt(json.loads(since.read_text())) if since else None
        log_id = self._log(account)
        report = (
            whole.verify_all(ring, receipt=receipt)
            if log_id is None
            else verify_log(log_id, ring, receipt=receipt)
        )
        for one in report.findings:
            self.stdout.write(f"WRONG  {one.kind}: {one.text}.")
        said = "NOT WELL" if report.findings else "OK"
        self.stdout.write(f"{said}: {report.rows} rows, {report.checkpoints} checkpoints.")
        if report.findings:
            sys.exit(1)

    def receipt(self, account: str | None, output: Path | None, **_options: Any) -> None:
        """Write the newest checkpoint with the keys' statements: of one log, or the global one."""
        log_id = self._log(account)
        document = receipt_of(log_id)
        self._record("audit.receipt", log_id, {"sequence": document["sequence"]})
        text = json.dumps(document, indent=2) + "\n"
        if output:
            output.write_text(text)
        else:
            self.stdout.write(text, ending="")

    def export(self, account: str | None, format: str, output: Path, **_options: Any) -> None:
        """Write one log out; the export is on record before the first line is written."""
        log_id = self._log(account) or PLATFORM_LOG
        self._record("audit.export", log_id, {"format": format})
        lines = json_lines(log_id) if format == "jsonl" else csv_lines(log_id)
        with output.open("wb") as file:
            for line in lines:
                file.write(line)
        self.stdout.write(f"{output} written.")

    def _record(self, action: str, log_id: UUID | None, detail: dict[str, Any]) -> None:
        about = Target("auditlog", "", "")
        if log_id is None or log_id == PLATFORM_LOG:
            audit.record(action, about, detail=detail)
        else:
            with scope(log_id):
                Account.objects.get(pk=log_id)
                audit.record(action, about, detail=detail)

    def key(self, **_options: Any) -> None:
        """Print the public keys, the newest last."""
        for statement in keys.statements():
            self.stdout.write(statement.body)

    def rotate_key(self, next_key_file: Path | None, **_options: Any) -> None:
        """Rotate under the sealer's lock, so that no checkpoint is signed in between."""
        seed = decode_seed(next_key_file.read_text()) if next_key_file else None
        made = keys.rotate(seed)
        with transaction.atomic():
            audit.record("audit.rotate_key", Target("auditkey", made.fingerprint, made.fingerprint[:16]))
        self.stdout.write(f"The audit log is signed with {made.fingerprint} from now on.")
        if seed is not None:
            self.stdout.write(
                "Put the new key into PORTAL_AUDIT_KEY and restart the workers: nothing is sealed before."
            )
