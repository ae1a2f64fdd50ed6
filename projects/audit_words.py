"""Audit records in words for people: what kind of thing was acted on, and what a record's detail says.

The API, the files and the log itself keep the names and values as they were recorded; pages show these.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import AuditEvent
from projects.audit_history import Change, changes_of
from projects.audit_names import name_in_words
from projects.holdings import role_label
from projects.permissions import Role

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

KINDS: dict[str, "_StrPromise | str"] = {
    "accessreport": gettext_lazy("Access report"),
    "account": gettext_lazy("Account"),
    "accountkey": gettext_lazy("Protection key"),
    "anonymous": gettext_lazy("Nobody signed in"),
    "approvalrequest": gettext_lazy("Request"),
    "artifact": gettext_lazy("File"),
    "auditevent": gettext_lazy("Audit record"),
    "auditforward": gettext_lazy("Forwarding"),
    "auditkey": gettext_lazy("Signing key"),
    "auditlog": gettext_lazy("Audit log"),
    "auditreview": gettext_lazy("Monthly review"),
    "breakglass": gettext_lazy("Break-glass"),
    "cluster": gettext_lazy("Cluster"),
    "credential": gettext_lazy("Credential"),
    "customrole": gettext_lazy("Role"),
    "dataset": gettext_lazy("Dataset"),
    "datasetdeletion": gettext_lazy("Deletion"),
    "datasetversion": gettext_lazy("Dataset version"),
    "endpoint": gettext_lazy("Endpoint"),
    "evaluation_dataset": gettext_lazy("Evaluation dataset"),
    "experiment": gettext_lazy("Experiment"),
    "externalidentity": gettext_lazy("External sign-in"),
    "factor": gettext_lazy("Second factor"),
    "identity": gettext_lazy("External sign-in"),
    "keydestruction": gettext_lazy("Destruction of keys"),
    "keyrotation": gettext_lazy("Key rotation"),
    "logged_model": gettext_lazy("Logged model"),
    "membership": gettext_lazy("Member"),
    "mlflow": "MLflow",
    "model": gettext_lazy("Model"),
    "modelalias": gettext_lazy("Alias"),
    "modelversion": gettext_lazy("Model version"),
    "notice": gettext_lazy("Notice"),
    "notificationpreference": gettext_lazy("Notice preferences"),
    "operation": pgettext_lazy("record", "Operation"),
    "permission": gettext_lazy("Permission"),
    "permissiongrant": gettext_lazy("Permission for a time"),
    "platform": gettext_lazy("Platform"),
    "platformforward": gettext_lazy("Forwarding"),
    "platformtoken": gettext_lazy("Platform token"),
    "project": gettext_lazy("Project"),
    "promotion": gettext_lazy("Promotion"),
    "protectedalias": gettext_lazy("Protected alias"),
    "revision": gettext_lazy("Revision"),
    "reviewmonth": gettext_lazy("Monthly review"),
    "robot": gettext_lazy("Robot"),
    "roomsearch": gettext_lazy("Saved search"),
    "run": gettext_lazy("Run"),
    "savedsearch": gettext_lazy("Saved search"),
    "session": gettext_lazy("Session"),
    "system": gettext_lazy("The portal itself"),
    "token": gettext_lazy("Token"),
    "trace": gettext_lazy("Trace"),
    "trainingjob": gettext_lazy("Training job"),
    "trainingproject": gettext_lazy("Training project"),
    "trainingsource": gettext_lazy("Source of a training project"),
    "trustlink": gettext_lazy("Link"),
    "user": gettext_lazy("Person"),
    "webhook": gettext_lazy("Webhook"),
    "workload": gettext_lazy("Workload"),
}

# The levels of datasets are a higher floor's; a test holds the words together.
LEVELS: dict[str, "_StrPromise"] = {
    "public": gettext_lazy("Public"),
    "internal": gettext_lazy("Internal"),
    "confidential": gettext_lazy("Confidential"),
    "restricted": gettext_lazy("Restricted"),
}

# How something came in.
VIA: dict[str, "_StrPromise | str"] = {
    "page": gettext_lazy("page"),
    "api": "API",
    "gateway": gettext_lazy("gateway"),
    "command": gettext_lazy("command"),
    "task": gettext_lazy("background work"),
    "break-glass": gettext_lazy("break-glass"),
}

_VALUES: dict[str, Mapping[str, "_StrPromise"]] = {
    "sensitivity": LEVELS,
    "level": LEVELS,
    "bearer": {
        "person": gettext_lazy("Person"),
        "robot": gettext_lazy("Robot"),
        "role": gettext_lazy("Role"),
    },
    "report": {"access": gettext_lazy("Access report")},
    "secret": {"replaced": gettext_lazy("replaced")},
    "authority": {"replaced": gettext_lazy("replaced"), "removed": gettext_lazy("removed")},
    "start": {"none": pgettext_lazy("credentials", "none yet")},
    "platform_role": {
        "admin": gettext_lazy("Platform admin"),
        "auditor": gettext_lazy("Platform auditor"),
        "member": gettext_lazy("Member"),
    },
    "outcome": {
        "ok": gettext_lazy("Allowed"),
        "denied": gettext_lazy("Denied"),
        "failed": gettext_lazy("Failed"),
    },
}


def kind_in_words(kind: str) -> str:
    """What a record's kind of target is called."""
    return str(KINDS.get(kind, kind))


def via_in_words(via: str) -> str:
    """What the way is called in which something came in."""
    return str(VIA.get(via, via))


def level_in_words(level: str) -> str:
    """What a dataset's sensitivity is called."""
    return str(LEVELS.get(level, level))


def value_in_words(value: Any, name: str = "") -> str:
    """Return one value of a record's detail for reading: no braces or quotes, moments in the reader's zone."""
    if value is None or value == "":
        return "—"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, Mapping) and set(value) == {"from", "to"}:
        return f"{value_in_words(value['from'], name)} → {value_in_words(value['to'], name)}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name_in_words(key)}: {value_in_words(each, key)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(value_in_words(each, name) for each in value)
    text = str(value)
    if name in _VALUES:
        return str(_VALUES[name].get(text, text))
    if text in Role.values and name not in {"user", "person", "owner", "note", "reason"}:
        return role_label(text)
    return _local(text)


def _local(text: str) -> str:
    if len(text) < len("2026-11-22T21:25") or text[10] != "T":
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M}" if moment.tzinfo else text


def changes_in_words(event: AuditEvent) -> list[Change]:
    """Return what a record says was changed, for reading."""
    of = "sensitivity" if event.action == "dataset.sensitivity" else ""
    return [
        Change(
            name_in_words(change.name),
            value_in_words(change.before, change.name or of),
            value_in_words(change.after, change.name or of),
        )
        for change in changes_of(event)
    ]


def is_told(value: Any) -> bool:
    """Whether a value says anything to a reader: what is empty, and bare ids, do not."""
    return value not in (None, "", [], {}) and not _is_id(value)


def _told_within(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {key: said for key, each in value.items() if is_told(said := _told_within(each))}


def _is_id(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(value) == 36 and bool(UUID(value))
    except ValueError:
        return False


def facts_in_words(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return what a record's detail says, for reading; empty values and bare ids are left out."""
    told: dict[str, str] = {}
    for name, value in facts.items():
        if is_told(said := _told_within(value)):
            called = name_in_words(name)
            told[name if called in told else called] = value_in_words(said, name)
    return told
