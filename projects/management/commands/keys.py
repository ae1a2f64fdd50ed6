"""Looks after the keys that everything sealed lies under."""

import json
import time
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils.timesince import timesince

from accounts import audit
from accounts.errors import PortalError
from accounts.models import KeyRotation
from accounts.rotation import adopt_roots, advance, begin, check_root_keys, running, shred
from accounts.rotation.destroy import GRACE
from accounts.rotation.status import KeyStatus, status
from projects.models import Project

_PATIENCE_SECONDS = 1.0


class Command(BaseCommand):
    help = (
        "Protection keys: their state, rotation of root and account keys, destruction of an account's keys."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        told = verbs.add_parser("status", help="what wraps what, how old it is, what is under which version")
        told.add_argument("--json", action="store_true", help="as JSON")
        verbs.add_parser("check", help="exit with one line if this process has a wrong root key")
        for verb, text in (
            ("rotate-root", "wrap every protection key under the current root key"),
            (
                "rotate-accounts",
                "give accounts and the platform new protection keys, and re-wrap their data keys",
            ),
        ):
            one = verbs.add_parser(verb, help=text)
            one.add_argument("--reason", default="", help="goes on record; needed unless one is under way")
        one.add_argument("--account", help="only the account of this project")
        one.add_argument(
            "--grace", type=float, default=GRACE.total_seconds(), metavar="SECONDS",
            help="how long a retired version is kept for those who have loaded a row but not opened it yet (60)",
        )  # fmt: skip
        shredder = verbs.add_parser(
            "shred", help="destroy the keys of a suspended or closed account, for good"
        )
        shredder.add_argument("project", help="the account's project")
        shredder.add_argument("--confirm", default="", metavar="PROJECT", help="the same name once more")
        shredder.add_argument("--reason", default="", help="goes on record")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        if verb == "check":
            self._check()
            return
        try:
            with audit.acting_as(audit.SYSTEM, via="command"):
                getattr(self, f"_{verb.replace('-', '_')}")(**options)
        except PortalError as error:
            raise CommandError(str(error)) from None

    def _check(self) -> None:
        problem = check_root_keys()
        if problem:
            raise CommandError(problem)
        adopt_roots()
        self.stdout.write("The root key is the right one.")

    def _status(self, *, json: bool, **options: Any) -> None:
        now = status(live=True)
        self.stdout.write(_as_json(now) if json else "\n".join(_as_lines(now)))

    def _rotate_root(self, *, reason: str, **options: Any) -> None:
        self._refuse_wrong_root()
        adopt_roots()
        self._run(KeyRotation.Kind.ROOT, reason)

    def _rotate_accounts(self, *, reason: str, account: str | None, grace: float, **options: Any) -> None:
        self._refuse_wrong_root()
        adopt_roots()
        only = _account_id(account) if account else None
        self._run(KeyRotation.Kind.ACCOUNTS, reason, only, timedelta(seconds=grace))

    def _shred(self, *, project: str, confirm: str, reason: str, **options: Any) -> None:
        gone = shred(_account_id(project), confirm=confirm, slug=project, reason=reason)
        versions = ", ".join(map(str, gone.versions)) or "none"
        self.stdout.write(f"Destroyed the keys of {gone.account}: versions {versions}.")
        for model, count in gone.values.items():
            self.stdout.write(f"  {model}: {count} values open no more")
        self.stdout.write("Backups taken before hold the wrapped keys; the root key of that time opens them.")

    def _refuse_wrong_root(self) -> None:
        problem = check_root_keys()
        if problem:
            raise CommandError(problem)

    def _run(self, kind: str, reason: str, only: UUID | None = None, grace: timedelta = GRACE) -> None:
        """Begin, or go on with what an earlier run or the page began; follow it to its end."""
        found = running()
        if found is not None and (found.kind != kind or (only is not None and found.only != only)):
            raise CommandError(f"A rotation of the {found.label} is under way; wait until it has ended.")
        rotation = found or begin(kind, reason=reason, only=only)
        if grace and kind == KeyRotation.Kind.ACCOUNTS:
            self.stdout.write("Retired versions are destroyed by the workers once nothing needs them.")
        while True:
            advance(grace=grace)
            rotation.refresh_from_db()
            if rotation.state != KeyRotation.State.RUNNING:
                break
            time.sleep(_PATIENCE_SECONDS)  # a worker is at it
        self.stdout.write(f"{rotation.done} of {rotation.total} done, {rotation.rewrapped} keys re-wrapped.")
        if rotation.state == KeyRotation.State.FAILED:
            raise CommandError(rotation.error)


def _account_id(name: str) -> UUID:
    """The account of a project's slug."""
    projects = Project.objects.get_queryset().unscoped().filter(slug=name)
    found: UUID | None = projects.values_list("account_id", flat=True).first()
    if found is None:
        raise CommandError(f"There is no project “{name}”.")
    return found


def _as_json(now: KeyStatus) -> str:
    return json.dumps(now.as_data(), indent=2)


def _as_lines(now: KeyStatus) -> list[str]:
    root = now.root
    lines = [f"Root key: {root.provider} {root.name} {root.generation}{root.error}".rstrip()]
    lines.append(f"  also opens: {', '.join(root.others) or 'none'}")
    lines.append(f"  keys not under it: {root.behind}")
    if now.rotation is not None:
        lines.append(
            f"Rotation of {now.rotation.label}: {now.rotation.state}, {now.rotation.done} of {now.rotation.total}"
        )
    for account in (now.platform, *now.accounts):
        lines.append(account.name or "The platform")
        for version in account.versions:
            count = "?" if version.values is None else version.values
            age = timesince(version.created_at)
            lines.append(
                f"  v{version.version} {version.state}, {age} old, {count} values, {version.root or '?'}"
            )
    return lines
