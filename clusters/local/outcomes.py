"""What the end of a program means for its workload. Pure."""

import signal
from dataclasses import dataclass, field
from typing import Any

from clusters import reasons
from clusters.local.spec import Limits
from clusters.local.state import State
from clusters.states import Desired, Kind, Phase

BACKOFF_SECONDS = (1, 2, 5, 10, 30, 60, 120, 300)
STEADY_SECONDS = 600
"""A service that ran for so long before it ended starts over with short pauses."""


@dataclass(frozen=True)
class Outcome:
    """The next phase, why, and for a service that is started again: after how many seconds, with which
    count.
    """

    phase: Phase
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    again_after: float = 0
    restarts: int = 0


def explain(state: State, limits: Limits) -> tuple[str, dict[str, Any]]:
    """Reason code and facts of an end; ("", {}) for a program that ended well."""
    if state.cause == "memory":
        return "memory", {"limit": reasons.size(limits.memory)}
    if state.cause == "wall":
        return "wall", {"limit": reasons.duration(limits.wall_seconds)}
    if state.cause == "disk":
        return "disk", {"limit": reasons.size(limits.disk_bytes)}
    if state.cause == "processes":
        return "processes", {"limit": limits.processes}
    if state.cause == "start":
        return "start", {"detail": state.detail[:300]}
    if state.cause:
        return state.cause, {}
    if state.signal == signal.SIGXCPU or (state.signal == signal.SIGKILL and _out_of_time(state, limits)):
        return "cpu", {"limit": reasons.duration(limits.cpu_seconds)}
    if state.signal is not None:
        return "signal", {"signal": reasons.signal_name(state.signal)}
    if state.exit_code is None:
        return "lost", {}
    return ("exited", {"code": state.exit_code}) if state.exit_code else ("", {})


def _out_of_time(state: State, limits: Limits) -> bool:
    return bool(limits.cpu_seconds) and state.cpu_seconds >= limits.cpu_seconds


def judge(
    kind: str,
    desired: str,
    state: State,
    limits: Limits,
    *,
    restarts: int = 0,
    why: str = "",
    start_seconds: int = 0,
) -> Outcome:
    """Decide what follows from the end told in `state`. `why`: the agent's own reason for having ended it,
    if any.
    """
    code, facts = explain(state, limits)
    if state.cause == "stopped":
        code, facts = "portal_stopped", {}
        if why:
            code, facts = why, {"limit": reasons.duration(start_seconds)}
    if desired == Desired.STOPPED:
        return Outcome(Phase.STOPPED, "stopped")
    if kind == Kind.JOB:
        return Outcome(Phase.FAILED, code, facts) if code else Outcome(Phase.SUCCEEDED)
    if code == "portal_stopped":
        return Outcome(Phase.PENDING, code, facts, restarts=restarts)
    if state.ended_at - state.started_at > STEADY_SECONDS:
        restarts = 0
    pause = BACKOFF_SECONDS[min(restarts, len(BACKOFF_SECONDS) - 1)]
    if not code:
        code, facts = "exited", {"code": 0}
    return Outcome(Phase.PENDING, code, facts, pause, restarts + 1)


def judge_lost(kind: str, desired: str, *, restarts: int = 0) -> Outcome:
    """A program that is gone with its shim, without a word: the machine went down, or somebody killed
    both.
    """
    if desired == Desired.STOPPED:
        return Outcome(Phase.STOPPED, "stopped")
    if kind == Kind.JOB:
        return Outcome(Phase.FAILED, "lost")
    pause = BACKOFF_SECONDS[min(restarts, len(BACKOFF_SECONDS) - 1)]
    return Outcome(Phase.PENDING, "lost", {}, pause, restarts + 1)
