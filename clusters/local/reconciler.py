"""One workload, one step: from what its row asks for and what is really there to the next state of both."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError
from django.utils import timezone
from psycopg_pool import PoolTimeout

from accounts.errors import PortalError
from accounts.tenancy import scope
from clusters import plans
from clusters.local import hooks, outcomes, preparing, shipping
from clusters.local.folders import folder_of
from clusters.local.health import STRIKES, Health
from clusters.local.identities import Identities
from clusters.local.isolation import Isolation
from clusters.local.runtime import Runtime
from clusters.local.state import State
from clusters.models import Placement, Workload, WorkloadLog
from clusters.states import ENDED, Actual, Desired, Kind, Phase, Step, decide, sources

log = structlog.get_logger(__name__)

LAUNCH_TRIES = 3
AWAY = (DatabaseError, InterfaceError, PoolTimeout)
"""What the database's absence looks like."""


@dataclass
class Reconciler:
    """Takes steps. What it remembers is a convenience: a new one finds the rest in rows and state files."""

    runtime: Runtime
    identities: Identities
    isolation: Isolation
    wake: Callable[[], None]
    health: Health = field(default_factory=Health)
    preparations: dict[UUID, preparing.Preparation] = field(default_factory=dict)
    _why: dict[UUID, str] = field(default_factory=dict)
    _launches: dict[UUID, int] = field(default_factory=dict)
    _started: dict[UUID, float] = field(default_factory=dict)

    def advance(self, workload: Workload, places: int) -> int:
        """Take the next step of one workload; return how many job places it has taken."""
        actual, found = self._look(workload)
        renewed = workload.generation > workload.observed_generation
        step = decide(workload.desired, workload.phase, actual, renewed=renewed)
        if step is Step.BEGIN:
            return self._begin(workload, places)
        if step is Step.CANCEL:
            self.preparations[workload.pk].cancel()
            self._collect(workload)
        elif step is Step.NOTHING:
            self._collect(workload)
        elif step is Step.LAUNCH:
            self._launch(workload)
        elif step is Step.OBSERVE:
            self._observe(workload, found)
        elif step is Step.STOP:
            self.runtime.stop(found)
            shipping.ship(workload, folder_of(workload.pk) / "log")
        elif step is Step.FINISH and found is not None:
            self.finish(workload, found)
        elif step is Step.LOST:
            self._settle(
                workload, outcomes.judge_lost(workload.kind, workload.desired, restarts=workload.restarts)
            )
        elif step is Step.MARK_STOPPED:
            self._settle(workload, outcomes.Outcome(Phase.STOPPED, "stopped"))
        elif step is Step.RENEW:
            self._renew(workload)
        elif step is Step.CLEAN:
            self._clean(workload)
        return 0

    def _look(self, workload: Workload) -> tuple[Actual, State | None]:
        if workload.pk in self.preparations:
            return Actual.PREPARING, None
        return self.runtime.look(workload.pk, workload.attempt)

    def _uid(self, workload: Workload) -> int | None:
        return (
            self.identities.uid_of(workload.account_id)
            if self.isolation.level in ("namespace-uid", "uid")
            else None
        )

    def _begin(self, workload: Workload, places: int) -> int:
        if workload.next_start_at is not None and workload.next_start_at > timezone.now():
            return 0
        if not self.isolation.isolated and not self._is_first(workload):
            self._settle(workload, outcomes.Outcome(Phase.FAILED, "not_isolated"))
            return 0
        is_job = workload.kind == Kind.JOB
        # One that was preparing under an earlier agent has its place already.
        if is_job and places < 1 and workload.phase != Phase.PREPARING:
            if workload.reason_code != "waiting":
                self._write(workload, Phase.PENDING, reason_code="waiting", reason_facts={})
            return 0
        waits = workload.phase == Phase.PENDING
        if self._write(workload, Phase.PREPARING, reason_code="", reason_facts={}):
            preparation = preparing.Preparation(workload, self._uid(workload), self.wake)
            self.preparations[workload.pk] = preparation
            preparation.start()
        return int(is_job and waits)

    def _is_first(self, workload: Workload) -> bool:
        first = (
            Placement.objects.unscoped().filter(cluster=workload.cluster).order_by("created_at", "id").first()
        )
        return first is not None and first.account_id == workload.account_id

    def _collect(self, workload: Workload) -> None:
        """Go on once preparing has ended; until then, show its log."""
        preparation = self.preparations[workload.pk]
        ended = preparation.done
        shipping.ship(workload, folder_of(workload.pk) / "log")
        if not ended:
            return
        if (
            workload.desired == Desired.STOPPED
            or workload.phase in ENDED
            or preparation.failure == "cancelled"
        ):
            written = True
            if workload.phase not in ENDED and workload.desired == Desired.STOPPED:
                written = self._settle(workload, outcomes.Outcome(Phase.STOPPED, "stopped"))
        elif not preparation.failure:
            written = self._write(workload, Phase.STARTING, attempt=workload.attempt + 1)
            if written:
                # Before the launch: were the database lost right after it, this would launch a second time.
                self.preparations.pop(workload.pk, None)
                self._launch(workload)
        elif preparation.final or workload.restarts >= len(outcomes.BACKOFF_SECONDS) - 3:
            code = "prepare" if preparation.final else "prepare_error"
            written = self._settle(
                workload, outcomes.Outcome(Phase.FAILED, code, {"detail": preparation.failure})
            )
        else:
            facts = {"detail": preparation.failure}
            pause = outcomes.BACKOFF_SECONDS[workload.restarts]
            again = outcomes.Outcome(Phase.PENDING, "prepare_error", facts, pause, workload.restarts + 1)
            written = self._settle(workload, again)
        if written:
            self.preparations.pop(workload.pk, None)

    def _launch(self, workload: Workload) -> None:
        tries = self._launches[workload.pk] = self._launches.get(workload.pk, 0) + 1
        try:
            spec = preparing.make_spec(workload, self._uid(workload), self.isolation)
        except AWAY:
            self._launches[workload.pk] = tries - 1  # it was not tried
            raise
        except Exception as error:
            log.exception("workload.launch_failed", workload=str(workload.pk))
            if tries < LAUNCH_TRIES:
                return  # still starting: the next round tries again
            final = isinstance(error, PortalError) and error.status < 500
            facts = {"detail": str(error) if final else type(error).__name__}
            self._settle(
                workload, outcomes.Outcome(Phase.FAILED, "prepare" if final else "prepare_error", facts)
            )
            return
        if tries > LAUNCH_TRIES:
            facts = {"detail": "its shim ended at once"}
            self._settle(workload, outcomes.Outcome(Phase.FAILED, "start", facts))
            return
        with contextlib.suppress(FileNotFoundError):
            (
                folder_of(workload.pk) / "files" / plans.SOCKET
            ).unlink()  # an earlier attempt's: nobody listens there
        shim = self.runtime.launch(spec)
        self._started[workload.pk] = time.monotonic()
        if shim is not None:
            now = timezone.now()
            self._write(
                workload,
                Phase.STARTING,
                pid=shim.pid,
                started_ticks=shim.started,
                started_at=now,
                ready=False,
            )

    def _observe(self, workload: Workload, found: State | None) -> None:
        shipping.ship(workload, folder_of(workload.pk) / "log")
        if found is None or found.phase != "running":
            return
        self._launches.pop(workload.pk, None)
        if workload.pid != found.shim.pid:
            self._write(workload, Phase(workload.phase), pid=found.shim.pid, started_ticks=found.shim.started)
        plan = plans.Plan.from_json(workload.plan)
        if not plan.health_path:
            if workload.phase == Phase.STARTING:
                self._write(workload, Phase.RUNNING, ready=True, reason_code="", reason_facts={})
            return
        well, strikes = self.health.check(workload, plan.health_path)
        if well and not workload.ready:
            self._write(workload, Phase.RUNNING, ready=True, reason_code="", reason_facts={})
        elif not workload.ready:
            since = self._started.setdefault(workload.pk, time.monotonic())
            if time.monotonic() - since > plan.start_seconds:
                self._why[workload.pk] = "not_ready"
                self.runtime.stop(found)
        elif strikes >= STRIKES:
            self._why[workload.pk] = "unhealthy"
            self.runtime.stop(found)

    def finish(self, workload: Workload, found: State) -> None:
        plan = plans.Plan.from_json(workload.plan)
        why = self._why.get(workload.pk, "")
        outcome = outcomes.judge(
            workload.kind,
            workload.desired,
            found,
            plan.resolved_limits(workload.kind),
            restarts=workload.restarts,
            why=why,
            start_seconds=plan.start_seconds,
        )
        self._settle(workload, outcome, found)

    def _settle(self, workload: Workload, outcome: outcomes.Outcome, found: State | None = None) -> bool:
        """Write down the end of an attempt, after all of its log."""
        shipping.ship_all(workload, folder_of(workload.pk) / "log")
        now = timezone.now()
        values: dict[str, Any] = {
            "reason_code": outcome.reason,
            "reason_facts": outcome.facts,
            "ready": False,
            "pid": None,
            "started_ticks": None,
            "restarts": outcome.restarts if outcome.phase == Phase.PENDING else workload.restarts,
            "next_start_at": now + timedelta(seconds=outcome.again_after) if outcome.again_after else None,
        }
        if found is not None:
            values |= {
                "exit_code": found.exit_code,
                "peak_memory": found.peak_memory or None,
                "cpu_seconds": found.cpu_seconds,
            }
        if outcome.phase in ENDED:
            values |= {"ended_at": now, "observed_generation": workload.generation}
        written = self._write(workload, outcome.phase, **values)
        if written:
            for memory in (self._why, self._launches, self._started):
                memory.pop(workload.pk, None)
            self.health.forget(workload.pk)
        return written

    def _renew(self, workload: Workload) -> None:
        """Start over as if new: no files, no log."""
        preparing.remove_tree(folder_of(workload.pk))
        with scope(workload.account_id):
            WorkloadLog.objects.filter(workload=workload).delete()
        workload.log_bytes = 0
        self._write(
            workload,
            Phase.PENDING,
            observed_generation=workload.generation,
            log_bytes=0,
            reason_code="",
            reason_facts={},
            exit_code=None,
            ended_at=None,
            ready=False,
        )

    def _clean(self, workload: Workload) -> None:
        """Its end is written down and its log stored: the folder, with the tenant's data in clear, goes."""
        shipping.ship_all(workload, folder_of(workload.pk) / "log")
        preparing.remove_tree(folder_of(workload.pk))

    def _write(self, workload: Workload, phase: Phase, **values: Any) -> bool:
        """One guarded change of phase; False if somebody else changed it meanwhile (the next round looks
        again).
        """
        before = (workload.phase, workload.ready)
        values |= {"phase": phase, "observed_at": timezone.now()}
        with scope(workload.account_id):
            rows = Workload.objects.filter(pk=workload.pk, phase=workload.phase, phase__in=sources(phase))
            if not rows.update(**values):
                return False
        for name, value in values.items():
            setattr(workload, name, value)
        if before != (workload.phase, workload.ready):
            log.info(
                "workload.phase", workload=str(workload.pk), phase=str(phase), reason=workload.reason_code
            )
            self._tell(workload)
        return True

    def _tell(self, workload: Workload) -> None:
        observer = hooks.observer_of(workload)
        if observer is None:
            return
        try:
            observer(workload)
        except Exception:  # a hint must not stop the agent; whoever waits also looks by itself
            log.exception("workload.observer_failed", workload=str(workload.pk))
