"""The side navigation, as one table: an item shows when its page exists and the reader may open it."""

from typing import TYPE_CHECKING, Any, NamedTuple

from django.urls import Resolver404, resolve
from django.utils.translation import gettext_lazy as _

from accounts.models import PlatformRole
from projects.doors.grant import Grant

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class Item(NamedTuple):
    """A page: `path` is relative to the group's root; `permission` or `role` says who sees it."""

    label: "_StrPromise"
    icon: str
    path: str
    permission: str = ""


PROJECT: list[tuple["_StrPromise | str", list[Item]]] = [
    ("", [Item(_("Home"), "house", "", "project.read")]),
    (
        _("Data"),
        [
            Item(_("Datasets"), "database", "datasets/", "dataset.read"),
            Item(_("Sources"), "layers", "sources/", "dataset.read"),
        ],
    ),
    (
        _("Development"),
        [
            Item(_("Notebooks"), "journal-text", "notebooks/", "training.read"),
            Item(_("Training"), "cpu", "training/", "training.read"),
            Item(_("Pipelines"), "diagram-3", "pipelines/", "training.read"),
            Item(_("Tuning"), "sliders", "tuning/", "training.read"),
            Item(_("Experiments"), "graph-up", "experiments/", "mlflow.read"),
        ],
    ),
    (
        _("Operation"),
        [
            Item(_("Models"), "box-seam", "models/", "model.read"),
            Item(_("Endpoints"), "hdd-network", "endpoints/", "endpoint.read"),
            Item(_("Batch"), "table", "batch/", "endpoint.read"),
            Item(_("Monitoring"), "speedometer2", "monitoring/", "endpoint.read"),
        ],
    ),
    (
        _("Semiconductor"),
        [
            Item(_("Wafer map"), "bullseye", "wafers/", "dataset.read"),
            Item(_("Lots"), "boxes", "lots/", "dataset.read"),
            Item(_("Time series"), "activity", "mts/", "dataset.read"),
            Item(_("Optimizer"), "lightbulb", "optimizer/", "model.read"),
        ],
    ),
    (
        _("Administration"),
        [
            Item(_("Activity"), "clock-history", "activity/", "operation.read"),
            Item(_("Approvals"), "inbox", "approvals/", "approval.ask"),
            Item(_("Clusters"), "hdd-rack", "clusters/", "cluster.read"),
            Item(_("Audit"), "journal-check", "audit/", "audit.read"),
            Item(_("Settings"), "gear", "settings/", "project.read"),
            Item(_("Members"), "people", "settings/members/", "member.read"),
            Item(_("Permissions"), "shield-check", "settings/permissions/", "member.read"),
            Item(_("Account"), "building", "settings/account/", "project.read"),
            Item(_("Tokens"), "key", "settings/tokens/", "token.use"),
            Item(_("Robots"), "terminal", "settings/robots/", "member.read"),
            Item(_("Webhooks"), "send", "settings/webhooks/", "webhook.read"),
            Item(_("Protected aliases"), "shield-lock", "settings/aliases/", "model.read"),
            Item(_("Connect"), "plug", "connect/", "project.read"),
        ],
    ),
]

PLATFORM: dict[str, tuple["_StrPromise", str, list[Item]]] = {
    PlatformRole.ADMIN: (
        _("Platform"),
        "/platform/",
        [
            Item(_("Accounts"), "building", "accounts/"),
            Item(_("Shared resources"), "share", "shared/"),
            Item(_("Usage"), "bar-chart", "usage/"),
            Item(_("Protection keys"), "shield-lock", "keys/"),
            Item(_("Break-glass"), "unlock", "break-glass/"),
            Item(_("System"), "server", "system/"),
            Item(_("Forwarding"), "send", "forwarding/"),
            Item(_("Platform tokens"), "key", "tokens/"),
        ],
    ),
    PlatformRole.AUDITOR: (
        _("Audit room"),
        "/audit-room/",
        [
            Item(_("Audit search"), "search", ""),
            Item(_("Monthly review"), "calendar3", "review/"),
            Item(_("Verify and receipts"), "shield-check", "verification/"),
            Item(_("Reports"), "file-earmark-text", "reports/"),
            Item(_("Forwarding"), "send", "forwarding/"),
            Item(_("Platform tokens"), "key", "tokens/"),
        ],
    ),
}


def exists(path: str) -> bool:
    """Whether some page answers at this path."""
    try:
        resolve(path)
    except Resolver404:
        return False
    return True


def _entries(root: str, items: list[Item], here: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for item in items:
        url = f"{root}{item.path}"
        if exists(url):
            entries.append({"label": item.label, "icon": item.icon, "url": url, "active": False})
    # A page belongs to the entry that names it most closely: tokens are settings, but have an entry of their own.
    around = [
        entry
        for entry in entries
        if here == entry["url"] or (entry["url"] != root and here.startswith(entry["url"]))
    ]
    if around:
        max(around, key=lambda entry: len(entry["url"]))["active"] = True
    return entries


def project_navigation(grant: Grant, here: str) -> list[dict[str, Any]]:
    """Return the groups that this grant may open; `here` is the path of the page being shown."""
    root = f"/projects/{grant.slug}/"
    groups = []
    for label, items in PROJECT:
        seen = [item for item in items if grant.can(item.permission)]
        entries = _entries(root, seen, here)
        if entries:
            groups.append({"label": label, "items": entries})
    return groups


def platform_navigation(role: str, here: str) -> list[dict[str, Any]]:
    """Return the platform's group for an admin, the audit room's for an auditor, nothing for others."""
    if role not in PLATFORM:
        return []
    label, root, items = PLATFORM[role]
    entries = _entries(root, items, here)
    return [{"label": label, "items": entries}] if entries else []
