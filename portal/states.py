"""How each state of a thing looks: word, tone and icon. Colour never stands alone."""

from typing import TYPE_CHECKING, NamedTuple

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class Look(NamedTuple):
    """`tone` is one of ok, bad, warn, info, idle, unknown; `busy` turns the icon."""

    label: "_StrPromise | str"
    tone: str
    icon: str
    busy: bool = False


UNNAMED = Look("", "idle", "circle")

_DONE = "check-circle-fill"
_BROKEN = "x-circle-fill"
_TURNING = "arrow-repeat"

STATES: dict[str, Look] = {
    "queued": Look(_("Queued"), "idle", "clock"),
    "scheduled": Look(_("Scheduled"), "idle", "clock"),
    "pending": Look(_("Pending"), "idle", "clock"),
    "invited": Look(_("Invited"), "idle", "envelope"),
    "requested": Look(_("Requested"), "warn", "hourglass-split"),
    "draft": Look(_("Draft"), "idle", "circle-half"),
    "starting": Look(_("Starting"), "info", _TURNING, busy=True),
    "running": Look(_("Running"), "info", _TURNING, busy=True),
    "uploading": Look(_("Uploading"), "info", "cloud-arrow-up"),
    "processing": Look(_("Processing"), "info", _TURNING, busy=True),
    "deploying": Look(_("Deploying"), "info", _TURNING, busy=True),
    "stopping": Look(_("Stopping"), "warn", _TURNING, busy=True),
    "cancelling": Look(_("Cancelling"), "warn", _TURNING, busy=True),
    "restarting": Look(_("Restarting"), "warn", _TURNING, busy=True),
    "succeeded": Look(_("Succeeded"), "ok", _DONE),
    "finished": Look(_("Finished"), "ok", _DONE),
    "complete": Look(_("Complete"), "ok", _DONE),
    "ready": Look(_("Ready"), "ok", _DONE),
    "serving": Look(_("Serving"), "ok", _DONE),
    "active": Look(_("Active"), "ok", _DONE),
    "reachable": Look(_("Reachable"), "ok", _DONE),
    "healthy": Look(_("Healthy"), "ok", _DONE),
    "ok": Look(pgettext_lazy("outcome", "Done"), "ok", _DONE),
    "sealed": Look(_("Sealed"), "ok", "shield-check"),
    "intact": Look(_("Intact"), "ok", _DONE),
    "late": Look(_("Late"), "warn", "exclamation-triangle-fill"),
    "wrong": Look(_("Tampered with"), "bad", _BROKEN),
    "sent": Look(_("Sent"), "ok", _DONE),
    "approved": Look(_("Approved"), "ok", _DONE),
    "moving": Look(_("Moving"), "info", _TURNING, busy=True),
    "done": Look(_("Done"), "ok", _DONE),
    "waiting": Look(_("Waiting"), "warn", "hourglass-split"),
    "rejected": Look(_("Rejected"), "bad", _BROKEN),
    "withdrawn": Look(_("Withdrawn"), "idle", "slash-circle"),
    "failed": Look(_("Failed"), "bad", _BROKEN),
    "crashed": Look(_("Crashed"), "bad", _BROKEN),
    "unreachable": Look(_("Unreachable"), "unknown", "wifi-off"),
    "denied": Look(_("Denied"), "bad", "ban"),
    "degraded": Look(_("Degraded"), "warn", "exclamation-triangle-fill"),
    "suspended": Look(_("Suspended"), "warn", "pause-circle"),
    "cancelled": Look(_("Cancelled"), "idle", "slash-circle"),
    "killed": Look(_("Cancelled"), "idle", "slash-circle"),
    "paused": Look(_("Paused"), "idle", "pause-circle"),
    "failing": Look(_("Failing"), "bad", "exclamation-triangle-fill"),
    "disabled": Look(_("Disabled"), "warn", "pause-circle"),
    "stopped": Look(_("Stopped"), "idle", "pause-circle"),
    "expired": Look(_("Expired"), "idle", "hourglass"),
    "retired": Look(_("Retired"), "idle", "hourglass-split"),
    "destroyed": Look(_("Destroyed"), "idle", "slash-circle"),
    "revoked": Look(_("Revoked"), "idle", "ban"),
    "deleting": Look(_("Deleting"), "warn", _TURNING, busy=True),
    "deleted": Look(_("Deleted"), "idle", "trash3"),
    "closing": Look(_("Closing"), "warn", _TURNING, busy=True),
    "closed": Look(_("Closed"), "idle", "lock"),
    "shredded": Look(_("Shredded"), "idle", "slash-circle"),
    "in_review": Look(_("In review"), "info", "eye"),
    "signed": Look(_("Signed off"), "ok", _DONE),
    "to_review": Look(_("To review"), "warn", "circle-half"),
    "overdue": Look(_("Overdue"), "bad", "exclamation-triangle-fill"),
    "current_month": Look(_("Running month"), "idle", "clock"),
    "unknown": Look(_("Unknown"), "unknown", "question-circle-fill"),
}
