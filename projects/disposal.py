"""The disposal of an account: a saga whose steps are each taken until they have succeeded, and a proof at its end.

    links end ─▶ what runs ends ─▶ bytes outside the database ─▶ rows ─▶ keys, proof and closed, in one transaction

Once the keys are destroyed nothing that was sealed opens, whatever copy of it is left: not the log of this work either,
which is why they go last, together with the proof. The audit log, the names and the proof stay.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection, models
from django.utils.translation import gettext_noop as noop

from accounts import audit
from accounts.actions.links import tell
from accounts.audit.keys import signing_key
from accounts.models import Account, AuditEvent, Disposal, TrustLink
from accounts.rotation.destroy import shred
from accounts.tenancy import scope
from accounts.tenancy.models import TenantRow
from projects.lifecycle import disposals, still_busy
from projects.models import Operation, OperationLog, Project, State
from projects.operations.registry import Again, Done
from projects.operations.work import Work

# What stays: who the account was, the tombstones of its keys, the work at hand, and the proof.
KEPT = frozenset({"accounts.AccountKey", "accounts.Disposal", "projects.Project"})


def advance(work: Work) -> Done | Again:
    """Take the next step."""
    done: dict[str, Any] = work.payload.get("done", {})
    if "links" not in done:
        work.stage(noop("Ending links"), 0.1)
        return _after(work, "links", _end_links(work))
    if not _quiet(work):
        work.stage(noop("Waiting for what runs"), 0.2)
        return Again(2.0)
    for index, (what, dispose) in enumerate(sorted(disposals().items())):
        if what not in done:
            work.stage(noop("Destroying bytes"), 0.3 + 0.1 * index)
            return _after(work, what, dispose(work.account_id))
    if "rows" not in done:
        work.stage(noop("Destroying rows"), 0.7)
        return _after(work, "rows", _destroy_rows(work))
    work.stage(noop("Destroying keys"), 0.9)
    return Done(_prove(work, done))


def _after(work: Work, what: str, found: dict[str, Any]) -> Again:
    work.save(done={**work.payload.get("done", {}), what: found})
    return Again(0)


def _end_links(work: Work) -> dict[str, Any]:
    """Revoke what the account borrows or has offered; the database refused to begin while it lends."""
    ended = 0
    with work.scope():
        open_links = TrustLink.objects.exclude(state__in=["rejected", "revoked", "expired"])
        for link in open_links.select_for_update():
            TrustLink.objects.filter(pk=link.pk).update(state="revoked", invitation_digest=None)
            detail = {"from": link.state, "reason": "the account closes"}
            audit.record("link.revoke", link, detail=detail)
            if link.borrower_id is not None:
                tell(link.pk, "link.revoke", detail=detail)
            ended += 1
    return {"ended": ended}


def _quiet(work: Work) -> bool:
    """Whether nothing runs for the account any more but this disposal."""
    with work.scope():
        now = datetime.now(UTC)
        others = Operation.objects.exclude(pk=work.operation.pk)
        others.filter(state=State.QUEUED).update(state=State.CANCELLED, finished_at=now)
        return not others.filter(state=State.RUNNING).exists() and not still_busy()


def _destroy_keys(work: Work) -> dict[str, Any]:
    """Crypto-shredding: from here on nothing that was sealed for the account opens again."""
    slug, reason = work.payload["slug"], work.payload["reason"]
    shredded = shred(work.account_id, confirm=slug, slug=slug, reason=reason)
    return {"versions": shredded.versions, "sealed_values": shredded.values}


def _tables() -> list[type[models.Model]]:
    return [
        model
        for model in apps.get_models()
        if issubclass(model, TenantRow)
        and model._meta.label not in KEPT
        and not issubclass(model, AuditEvent | Operation | OperationLog)
    ]


def _destroy_rows(work: Work) -> dict[str, Any]:
    """Delete every row of the account's in one transaction: references are checked at its end."""
    counted: dict[str, int] = {}
    with work.scope(), connection.cursor() as cursor:
        for model in _tables():
            cursor.execute(
                f'DELETE FROM "{model._meta.db_table}" WHERE account_id = %s',  # noqa: S608  # a model's own table
                [work.account_id],
            )
            if cursor.rowcount:
                counted[model._meta.label] = cursor.rowcount
        _count, deleted = Operation.objects.exclude(pk=work.operation.pk).delete()
        counted |= {label: count for label, count in deleted.items() if count}
        Project.objects.filter(pk=work.account_id).update(description="")
    return counted


def proof_of(
    account: Account, slug: str, done: dict[str, Any], *, by: str, reason: str, kept: int
) -> dict[str, Any]:
    """What is signed: what was destroyed, what stays, and what nobody here can reach."""
    return {
        "format": "mlops-portal-disposal-1",
        "deployment": settings.DEPLOYMENT_ID,
        "account": {"id": str(account.pk), "name": account.name, "kind": account.kind, "project": slug},
        "at": datetime.now(UTC).isoformat(),
        "by": by,
        "reason": reason,
        "destroyed": done,
        "kept": {
            "audit_events": kept,
            "names": "the account's and the project's name, this proof, and the numbers of the destroyed keys",
        },
        "backups": (
            "Backups made before this moment still hold the sealed rows and files, and the wrapped keys, until they "
            "are rotated out: together with the root key they can be opened. MLflow's rows and artifacts are in clear "
            "in them."
        ),
    }


@dataclass(frozen=True, slots=True)
class Signed:
    """A document as it was signed: `body` is its text, `signature` is Ed25519 in hex by the audit log's `key`."""

    body: str
    sha256: str
    key: str
    signature: str


def signed(document: dict[str, Any]) -> Signed:
    """Sign a statement of what was destroyed, with the key that signs the audit log's checkpoints."""
    body = json.dumps(document, ensure_ascii=False, sort_keys=True, indent=1)
    key = signing_key()
    return Signed(
        body,
        hashlib.sha256(body.encode()).hexdigest(),
        key.fingerprint,
        key.sign(body.encode()).hex(),
    )


def _prove(work: Work, done: dict[str, Any]) -> dict[str, Any]:
    with scope(work.account_id):
        found: Disposal | None = Disposal.objects.first()
        account: Account = Account.objects.get(pk=work.account_id)
        if found is None:
            keys = _destroy_keys(work)
            who = work.operation.who
            kept = AuditEvent.objects.filter(account_id=work.account_id).count()
            proof = signed(
                proof_of(
                    account,
                    work.payload["slug"],
                    {**done, "keys": keys},
                    by=who,
                    reason=work.payload["reason"],
                    kept=kept,
                )
            )
            found = Disposal(body=proof.body, sha256=proof.sha256, key=proof.key, signature=proof.signature)
            found.save(force_insert=True)
            Account.objects.filter(pk=work.account_id, state=Account.State.CLOSING).update(
                state=Account.State.CLOSED, lending_digest=None
            )
            audit.record("account.closed", account, detail={"proof_sha256": proof.sha256, "key": proof.key})
    return {"proof": found.sha256}


__all__ = ["KEPT", "Signed", "advance", "proof_of", "signed"]
