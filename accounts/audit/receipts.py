"""Receipts (확인증): a signed checkpoint, with the keys' statements, kept where the portal cannot reach it."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.audit import rows
from accounts.audit.keys import statements, timestamp
from accounts.audit.verify_export import CHECKPOINT, GLOBAL, Signed
from accounts.errors import Invalid, NotFound
from accounts.models.audit_seal import AuditCheckpoint, AuditGlobal

FORMAT = "mlops-portal audit receipt"


def _document(kind: str, signed: Signed) -> dict[str, Any]:
    lines = signed.fields
    return {
        "format": FORMAT,
        "version": 1,
        "kind": kind,
        "log": lines.get("log", "global"),
        "sequence": int(lines["sequence"]),
        "size": int(lines["size"]) if "size" in lines else None,
        "time": lines["time"],
        "root_hash": lines["root"],
        "key": lines["key"],
        "issued_at": timestamp(datetime.now(UTC)),
        "checkpoint": {name: text for name, text in signed.document().items() if name != "frontier"},
        "keys": [one.document() for one in statements()],
    }


def receipt_of(log_id: UUID | None) -> dict[str, Any]:
    """Return the newest checkpoint of a log, or (None) the newest global one, as a receipt.

    Raises `NotFound` while nothing has been sealed.
    """
    if log_id is None:
        last = rows.everywhere(AuditGlobal).order_by("-sequence").first()
    else:
        found = rows.everywhere(AuditCheckpoint).filter(log_id=log_id)
        last = found.order_by("-sequence").first()
    if last is None:
        name = "global" if log_id is None else rows.log_name(log_id)
        raise NotFound(
            "audit.nothing_sealed",
            _("Nothing of the log “%(log)s” has been sealed yet. Try again in a few seconds.")
            % {"log": name},
        )
    return _document("log" if log_id else "global", Signed(last.body, bytes(last.signature)))


def read_receipt(document: Any) -> Signed:
    """Return the checkpoint that a receipt holds; raises `Invalid` for anything else."""
    try:
        signed = Signed.of(document["checkpoint"])
        if document["format"] != FORMAT or not signed.body.startswith((CHECKPOINT, GLOBAL)):
            raise ValueError(FORMAT)
        int(signed.fields["sequence"])
    except (ValueError, KeyError, TypeError):
        raise Invalid(
            "audit.receipt",
            _("This is no receipt of an audit log. Choose a file that was downloaded as one."),
            errors={"receipt": [_("This is no receipt of an audit log.")]},
        ) from None
    return signed
