"""The pure core: what to do next, what an end means, which limits hold."""

import itertools
import signal

import pytest
from django.test import override_settings
from django.utils import translation

from accounts.errors import Invalid
from clusters import reasons
from clusters.local import outcomes
from clusters.local.processes import Identity
from clusters.local.spec import GIB, MIB, Limits
from clusters.local.state import State
from clusters.plans import Plan, job_slots
from clusters.states import ENDED, STARTED, Actual, Desired, Kind, Phase, Step, decide, sources

STEPS_THAT_CHANGE_NOTHING = {Step.NOTHING, Step.OBSERVE, Step.CLEAN}


@pytest.mark.parametrize(("desired", "phase", "actual"), list(itertools.product(Desired, Phase, Actual)))
def test_every_combination_has_a_safe_step(desired: Desired, phase: Phase, actual: Actual) -> None:
    step = decide(desired, phase, actual)
    if actual is Actual.ALIVE:
        assert step in (Step.STOP, Step.OBSERVE), "what lives is watched or stopped, never started again"
    if step is Step.LAUNCH:
        assert phase in STARTED
        assert actual is Actual.UNSTARTED, "an attempt is launched once"
    if phase in ENDED:
        assert step in (Step.STOP, Step.CANCEL, Step.CLEAN)
    if desired is Desired.STOPPED:
        assert step not in (Step.BEGIN, Step.LAUNCH, Step.OBSERVE)
    renewed = decide(Desired.RUNNING, phase, actual, renewed=True)
    assert renewed in (Step.STOP, Step.CANCEL, Step.RENEW)


def test_no_phase_leads_out_of_success() -> None:
    assert [phase for phase in Phase if Phase.SUCCEEDED in sources(phase)] == [Phase.PENDING], (
        "a restart only"
    )


def ended(**values: object) -> State:
    return State(id="w", attempt=1, shim=Identity(1, 1), phase="exited", **values)  # type: ignore[arg-type]


LIMITS = Limits(memory=512 * MIB, wall_seconds=3600, cpu_seconds=10)


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (ended(exit_code=1), "The program ended with exit code 1; its log says why."),
        (ended(signal=signal.SIGSEGV), "The program was ended by SIGSEGV; its log may say why."),
        (ended(signal=signal.SIGXCPU), "It used more than its 0:00:10 of processor time and was ended."),
        (
            ended(cause="memory", signal=9),
            "It used more than its 512 MiB of memory and was ended. Ask for more memory, or use less.",
        ),
        (ended(cause="wall", signal=9), "It ran longer than its limit of 1:00:00 and was ended."),
        (ended(cause="start", detail="no such file"), "It could not be started: no such file."),
        (ended(cause="stopped"), "The portal was stopped while this was running."),
        (
            ended(),
            "The portal's machine or its agent stopped abruptly while this was running, and it is gone.",
        ),
    ],
)
def test_the_end_of_a_job_has_a_sentence(state: State, sentence: str) -> None:
    outcome = outcomes.judge(Kind.JOB, Desired.RUNNING, state, LIMITS)
    assert outcome.phase == Phase.FAILED
    with translation.override("en"):
        assert reasons.sentence(outcome.reason, outcome.facts) == sentence


def test_every_reason_formats_with_the_facts_it_is_given() -> None:
    facts = {"code": 1, "signal": "SIGKILL", "limit": "x", "detail": "y"}
    for code in reasons.SENTENCES:
        assert reasons.sentence(code, facts)


def test_a_service_is_started_again_with_growing_pauses() -> None:
    crash = ended(exit_code=1, started_at=100.0, ended_at=101.0)
    pauses, restarts = [], 0
    for _ in range(10):
        outcome = outcomes.judge(Kind.SERVICE, Desired.RUNNING, crash, LIMITS, restarts=restarts)
        assert outcome.phase == Phase.PENDING
        restarts = outcome.restarts
        pauses.append(outcome.again_after)
    assert pauses == [1, 2, 5, 10, 30, 60, 120, 300, 300, 300]
    steady = ended(exit_code=1, started_at=100.0, ended_at=100.0 + outcomes.STEADY_SECONDS + 1)
    assert outcomes.judge(Kind.SERVICE, Desired.RUNNING, steady, LIMITS, restarts=9).again_after == 1
    assert outcomes.judge(Kind.SERVICE, Desired.STOPPED, crash, LIMITS).phase == Phase.STOPPED


def test_plans_are_checked_and_survive_the_row() -> None:
    plan = Plan(argv=("python", "-V"), env={"A": "b"}, limits={"memory": GIB})
    plan.check()
    assert Plan.from_json(plan.to_json()) == plan
    for wrong in (
        Plan(argv=()),
        Plan(argv=("a\0b",)),
        Plan(argv=("a",), env={"A=B": "c"}),
        Plan(argv=("a",), limits={"memory": 0}),
        Plan(argv=("a",), limits={"log_bytes": 1}),
    ):
        with pytest.raises(Invalid):
            wrong.check()


def test_limits_are_the_installations_at_most() -> None:
    asked = Plan(argv=("a",), limits={"cpus": 999, "memory": 10**15, "wall_seconds": 60})
    with override_settings(LOCAL_MAX_CPUS=3, LOCAL_MAX_MEMORY_BYTES=GIB, LOCAL_JOBS=5):
        limits = asked.resolved_limits(Kind.JOB)
        assert (limits.cpus, limits.memory, limits.wall_seconds) == (3, GIB, 60)
        assert job_slots() == 5
    assert Plan(argv=("a",)).resolved_limits(Kind.SERVICE).wall_seconds == 0
