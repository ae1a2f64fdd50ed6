"""A workload's phases, the table of their transitions, and the one decision that reconciling rests on.
Pure.
"""

from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    JOB = "job", _("Job")
    SERVICE = "service", _("Service")


class Desired(models.TextChoices):
    RUNNING = "running", _("Running")
    STOPPED = "stopped", _("Stopped")


class Phase(models.TextChoices):
    """`unknown` is never stored for the local cluster: it is what an active phase is called once the agent
    has been silent.
    """

    PENDING = "pending", _("Pending")
    PREPARING = "preparing", _("Preparing")
    STARTING = "starting", _("Starting")
    RUNNING = "running", _("Running")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    STOPPED = "stopped", _("Stopped")
    UNKNOWN = "unknown", _("Unknown")


ENDED = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.STOPPED})
STARTED = frozenset({Phase.STARTING, Phase.RUNNING})
ACTIVE = frozenset({Phase.PENDING, Phase.PREPARING, *STARTED, Phase.UNKNOWN})

# A service that ended on its own goes back to pending; an ended one does so when a person restarts it.
_FROM: dict[Phase, frozenset[Phase]] = {
    Phase.PENDING: frozenset({Phase.PENDING, Phase.PREPARING, *STARTED, *ENDED}),
    Phase.PREPARING: frozenset({Phase.PENDING, Phase.PREPARING}),
    Phase.STARTING: frozenset({Phase.PREPARING, Phase.STARTING}),
    Phase.RUNNING: frozenset({Phase.STARTING, Phase.RUNNING}),
    Phase.SUCCEEDED: STARTED,
    Phase.FAILED: frozenset({Phase.PENDING, Phase.PREPARING, *STARTED}),
    Phase.STOPPED: frozenset({Phase.PENDING, Phase.PREPARING, *STARTED, Phase.FAILED}),
    Phase.UNKNOWN: frozenset(),
}


def sources(phase: Phase) -> frozenset[Phase]:
    """The phases from which `phase` may be reached."""
    return _FROM[phase]


class Actual(StrEnum):
    """What is really there on the machine of the attempt on the row.

    `unstarted`: no shim has ever run for it. `gone`: one ran, and neither it nor its last word is there.
    """

    UNSTARTED = "unstarted"
    PREPARING = "preparing"
    ALIVE = "alive"
    EXITED = "exited"
    GONE = "gone"


class Step(StrEnum):
    """What the agent does next about one workload."""

    NOTHING = "nothing"
    BEGIN = "begin"
    CANCEL = "cancel"
    LAUNCH = "launch"
    OBSERVE = "observe"
    STOP = "stop"
    FINISH = "finish"
    LOST = "lost"
    MARK_STOPPED = "mark_stopped"
    RENEW = "renew"
    CLEAN = "clean"


def decide(desired: str, phase: str, actual: Actual, *, renewed: bool = False) -> Step:
    """The next step for a workload that should be `desired`, is recorded as `phase`, and is really `actual`.

    `renewed`: a person has asked for a fresh start that has not been taken up yet.
    """
    if renewed and desired == Desired.RUNNING:
        return {Actual.ALIVE: Step.STOP, Actual.PREPARING: Step.CANCEL}.get(actual, Step.RENEW)
    if phase in ENDED:
        return {Actual.ALIVE: Step.STOP, Actual.PREPARING: Step.CANCEL}.get(actual, Step.CLEAN)
    if actual is Actual.PREPARING:
        return Step.CANCEL if desired == Desired.STOPPED else Step.NOTHING
    if phase in STARTED:
        if actual is Actual.ALIVE:
            return Step.STOP if desired == Desired.STOPPED else Step.OBSERVE
        if actual is Actual.UNSTARTED:
            return Step.MARK_STOPPED if desired == Desired.STOPPED else Step.LAUNCH
        return Step.FINISH if actual is Actual.EXITED else Step.LOST
    if actual is Actual.ALIVE:
        return Step.STOP  # of an attempt that is over as far as anyone knows
    return Step.MARK_STOPPED if desired == Desired.STOPPED else Step.BEGIN
