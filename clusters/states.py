"""A workload's phases, the table of their transitions, and the one decision that reconciling rests on. Pure."""

from enum import StrEnum
from typing import Literal

from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    JOB = "job", _("Job")
    SERVICE = "service", _("Service")


class Desired(models.TextChoices):
    RUNNING = "running", _("Running")
    STOPPED = "stopped", _("Stopped")


class Phase(models.TextChoices):
    """`unknown` is never stored for the local cluster: it is what an active phase is called once the agent has been silent."""

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
    Phase.PENDING: frozenset({Phase.PREPARING, *STARTED, *ENDED}),
    Phase.PREPARING: frozenset({Phase.PENDING, Phase.PREPARING}),
    Phase.STARTING: frozenset({Phase.PREPARING}),
    Phase.RUNNING: frozenset({Phase.STARTING}),
    Phase.SUCCEEDED: STARTED,
    Phase.FAILED: frozenset({Phase.PENDING, Phase.PREPARING, *STARTED}),
    Phase.STOPPED: frozenset({Phase.PENDING, Phase.PREPARING, *STARTED, Phase.FAILED}),
    Phase.UNKNOWN: frozenset(),
}


def sources(phase: Phase) -> frozenset[Phase]:
    """The phases from which `phase` may be reached."""
    return _FROM[phase]


class Actual(StrEnum):
    """What is really there on the machine."""

    NOTHING = "nothing"
    PREPARING = "preparing"
    ALIVE = "alive"
    EXITED = "exited"


class Step(StrEnum):
    """What the agent does next about one workload."""

    NOTHING = "nothing"
    BEGIN = "begin"
    CANCEL = "cancel"
    OBSERVE = "observe"
    STOP = "stop"
    FINISH = "finish"
    LOST = "lost"
    MARK_STOPPED = "mark_stopped"
    CLEAN = "clean"


PhaseName = Literal["pending", "preparing", "starting", "running", "succeeded", "failed", "stopped", "unknown"]


def decide(desired: str, phase: str, actual: Actual) -> Step:
    """The next step for a workload that should be `desired`, is recorded as `phase`, and is really `actual`."""
    if phase in ENDED:
        if actual is Actual.ALIVE:
            return Step.STOP
        if actual is Actual.PREPARING:
            return Step.CANCEL
        return Step.CLEAN if actual is Actual.EXITED else Step.NOTHING
    if actual is Actual.ALIVE:
        return Step.OBSERVE if desired == Desired.RUNNING else Step.STOP
    if actual is Actual.EXITED:
        return Step.FINISH
    if desired == Desired.STOPPED:
        return Step.CANCEL if actual is Actual.PREPARING else Step.MARK_STOPPED
    if actual is Actual.PREPARING:
        return Step.NOTHING
    return Step.LOST if phase in STARTED else Step.BEGIN
