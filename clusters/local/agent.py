"""The agent: makes what runs on the portal's machine what its rows say should run. One per installation.

Each round reads the rows, looks at the machine, and takes one step per workload (`clusters.states.decide`). Everything it knows
is in rows and in the shims' state files: a killed agent's successor goes on where it was. While PostgreSQL is away nothing is
decided and everything runs on.
"""

import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import psutil
import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.db.models import F, Q
from django.utils import timezone
from psycopg_pool import PoolTimeout

from accounts.crypto import SealError
from accounts.errors import PortalError
from accounts.tenancy import scope
from clusters import plans
from clusters.local import cgroup, environments, hooks, isolation, outcomes, preparing, shipping
from clusters.local.folders import folder_of, state_root, workloads_root
from clusters.local.health import STRIKES, Health
from clusters.local.hooks import on_change, prepare, register_secrets
from clusters.local.identities import Identities, first_uid
from clusters.local.leadership import Listener, lock_folder
from clusters.local.runtime import Runtime, end_all
from clusters.local.state import State
from clusters.models import Cluster, Placement, Workload, WorkloadLog
from clusters.states import ENDED, STARTED, Actual, Desired, Kind, Phase, Step, decide, sources

__all__ = ["Agent", "on_change", "prepare", "register_secrets"]

log = structlog.get_logger(__name__)

ROUND_SECONDS = 1.0
SEEN_SECONDS = 5.0
SWEEP_SECONDS = 60.0
PRUNE_SECONDS = 6 * 3600.0
LAUNCH_TRIES = 3
AWAY = (DatabaseError, InterfaceError, PoolTimeout)


class Agent:
    """`run()` until `request_stop()`."""

    def __init__(self) -> None:
        self.root = state_root()
        for folder, mode in ((self.root, 0o711), (workloads_root(), 0o711)):
            folder.mkdir(mode=mode, parents=True, exist_ok=True)
            folder.chmod(mode)
        self._lock = lock_folder(self.root)
        self.runtime = Runtime(workloads_root())
        self.identities = Identities(self.root, first_uid(settings.DEPLOYMENT_ID))
        self.health = Health()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._preparations: dict[UUID, preparing.Preparation] = {}
        self._why: dict[UUID, str] = {}
        self._launches: dict[UUID, int] = {}
        self._started: dict[UUID, float] = {}
        self._due: dict[str, float] = {}
        self.cluster: Cluster | None = None
        self.isolation = isolation.probe_isolation(str(workloads_root()))
        log.info("agent.isolation", level=self.isolation.level, failures=list(self.isolation.failures))
        self.listener = Listener(self._wake.set)

    def request_stop(self) -> None:
        """End everything that runs and return from `run`; safe to call from a signal handler."""
        self._stopping.set()
        self._wake.set()

    def run(self) -> None:
        """Reconcile until asked to stop, then stop what runs."""
        self.listener.start()
        while not self._stopping.is_set():
            self._beat()
            if self.listener.leading.is_set():
                self._guarded(self.round)
            self._wake.wait(ROUND_SECONDS)
            self._wake.clear()
        self._stop_everything()
        self.listener.stop()
        self.health.close()

    def _guarded(self, step: Callable[[], None]) -> bool:
        """Run a step; False where the database is away: nothing is lost, the next round does it again."""
        try:
            close_old_connections()
            step()
        except AWAY as error:
            log.warning("agent.round_failed", error=type(error).__name__, detail=str(error).split("\n")[0][:200])
            connection.close()
            return False
        return True

    def _beat(self) -> None:
        """Shims end themselves when this file has not changed for long."""
        (self.root / "heartbeat").touch()
        self.runtime.reap()

    def _is_due(self, name: str, seconds: float) -> bool:
        if time.monotonic() < self._due.get(name, 0):
            return False
        self._due[name] = time.monotonic() + seconds
        return True

    def round(self) -> None:
        """One look at everything."""
        if self.cluster is None:
            self.cluster = Cluster.objects.get(kind=Cluster.Kind.LOCAL)
        if self._is_due("seen", SEEN_SECONDS):
            self._say_seen(self.cluster)
        here = self.runtime.folders()
        workloads = list(
            Workload.objects.unscoped()
            .filter(Q(pk__in=here) | ~Q(phase__in=ENDED) | Q(generation__gt=F("observed_generation")), cluster=self.cluster)
            .select_related("cluster")
            .order_by("created_at")
        )
        if self._is_due("sweep", SWEEP_SECONDS):
            self._sweep(workloads, here)
        places = plans.job_slots() - sum(
            1 for each in workloads if each.kind == Kind.JOB and each.phase in {Phase.PREPARING, *STARTED}
        )
        for workload in workloads:
            try:
                places -= self._advance(workload, places)
            except AWAY:
                raise
            except SealError:
                # The account's key is gone or wrong: its logs cannot be stored, so it must not go on working.
                log.error("workload.unsealable", workload=str(workload.pk))
                self.runtime.stop(self.runtime.state(workload.pk))
            except Exception:  # one tenant's trouble must not hold up the others; the next round tries again
                log.exception("workload.step_failed", workload=str(workload.pk))
        if self._is_due("prune", PRUNE_SECONDS):
            environments.prune(self.root, set())

    def _say_seen(self, cluster: Cluster) -> None:
        memory = psutil.virtual_memory()
        Cluster.objects.filter(pk=cluster.pk).update(
            agent_seen_at=timezone.now(),
            isolation=self.isolation.level,
            isolation_detail=self.isolation.explanation,
            capacity={
                "cpus": os.cpu_count(),
                "memory": memory.total,
                "memory_available": memory.available,
                "disk_free": psutil.disk_usage(str(self.root)).free,
                "jobs": plans.job_slots(),
            },
        )

    def _sweep(self, workloads: list[Workload], here: list[UUID]) -> None:
        """End what no row claims, and remove the folders of rows that are gone."""
        known = {workload.pk for workload in workloads}
        # One workload here is not "none": without namespaces leftovers are told from our own children by their shim.
        strangers = self.runtime.strangers(known, self.identities.all_uids())
        if strangers:
            log.warning("agent.strangers", count=end_all(strangers))
        for workload_id in set(here) - known:
            preparing.remove_tree(folder_of(workload_id))
        cgroup.sweep()

    def _advance(self, workload: Workload, places: int) -> int:
        """Take the next step of one workload; return how many job places it has taken."""
        actual, found = self._look(workload)
        renewed = workload.generation > workload.observed_generation
        step = decide(workload.desired, workload.phase, actual, renewed=renewed)
        if step is Step.BEGIN:
            return self._begin(workload, places)
        if step is Step.CANCEL:
            self._preparations[workload.pk].cancel()
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
            self._finish(workload, found)
        elif step is Step.LOST:
            self._settle(workload, outcomes.judge_lost(workload.kind, workload.desired, restarts=workload.restarts))
        elif step is Step.MARK_STOPPED:
            self._settle(workload, outcomes.Outcome(Phase.STOPPED, "stopped"))
        elif step is Step.RENEW:
            self._renew(workload)
        elif step is Step.CLEAN:
            self._clean(workload)
        return 0

    def _look(self, workload: Workload) -> tuple[Actual, State | None]:
        if workload.pk in self._preparations:
            return Actual.PREPARING, None
        return self.runtime.look(workload.pk, workload.attempt)

    def _uid(self, workload: Workload) -> int | None:
        return self.identities.uid_of(workload.account_id) if self.isolation.level in ("namespace-uid", "uid") else None

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
            preparation = preparing.Preparation(workload, self._uid(workload), self._wake.set)
            self._preparations[workload.pk] = preparation
            preparation.start()
        return int(is_job and waits)

    def _is_first(self, workload: Workload) -> bool:
        first = Placement.objects.unscoped().filter(cluster=workload.cluster).order_by("created_at", "id").first()
        return first is not None and first.account_id == workload.account_id

    def _collect(self, workload: Workload) -> None:
        """Go on once preparing has ended; until then, show its log."""
        preparation = self._preparations[workload.pk]
        ended = preparation.done
        shipping.ship(workload, folder_of(workload.pk) / "log")
        if not ended:
            return
        if workload.desired == Desired.STOPPED or workload.phase in ENDED or preparation.failure == "cancelled":
            written = True
            if workload.phase not in ENDED and workload.desired == Desired.STOPPED:
                written = self._settle(workload, outcomes.Outcome(Phase.STOPPED, "stopped"))
        elif not preparation.failure:
            written = self._write(workload, Phase.STARTING, attempt=workload.attempt + 1)
            if written:
                self._launch(workload)
        elif preparation.final or workload.restarts >= len(outcomes.BACKOFF_SECONDS) - 3:
            code = "prepare" if preparation.final else "prepare_error"
            written = self._settle(workload, outcomes.Outcome(Phase.FAILED, code, {"detail": preparation.failure}))
        else:
            facts = {"detail": preparation.failure}
            pause = outcomes.BACKOFF_SECONDS[workload.restarts]
            again = outcomes.Outcome(Phase.PENDING, "prepare_error", facts, pause, workload.restarts + 1)
            written = self._settle(workload, again)
        if written:
            self._preparations.pop(workload.pk, None)

    def _launch(self, workload: Workload) -> None:
        tries = self._launches[workload.pk] = self._launches.get(workload.pk, 0) + 1
        try:
            spec = preparing.make_spec(workload, self._uid(workload), self.isolation)
        except AWAY:
            raise
        except Exception as error:
            log.exception("workload.launch_failed", workload=str(workload.pk))
            if tries < LAUNCH_TRIES:
                return  # still starting: the next round tries again
            final = isinstance(error, PortalError) and error.status < 500
            facts = {"detail": str(error) if final else type(error).__name__}
            self._settle(workload, outcomes.Outcome(Phase.FAILED, "prepare" if final else "prepare_error", facts))
            return
        if tries > LAUNCH_TRIES:
            facts = {"detail": "its shim ended at once"}
            self._settle(workload, outcomes.Outcome(Phase.FAILED, "start", facts))
            return
        shim = self.runtime.launch(spec)
        self._started[workload.pk] = time.monotonic()
        if shim is not None:
            now = timezone.now()
            self._write(workload, Phase.STARTING, pid=shim.pid, started_ticks=shim.started, started_at=now, ready=False)

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

    def _finish(self, workload: Workload, found: State) -> None:
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
        """One guarded change of phase; False if somebody else changed it meanwhile (the next round looks again)."""
        before = (workload.phase, workload.ready)
        values |= {"phase": phase, "observed_at": timezone.now()}
        with scope(workload.account_id):
            rows = Workload.objects.filter(pk=workload.pk, phase=workload.phase, phase__in=sources(phase))
            if not rows.update(**values):
                return False
        for name, value in values.items():
            setattr(workload, name, value)
        if before != (workload.phase, workload.ready):
            log.info("workload.phase", workload=str(workload.pk), phase=str(phase), reason=workload.reason_code)
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

    def _stop_everything(self) -> None:
        """The portal is being stopped: end everything, and write down how, if the database still answers."""
        for preparation in self._preparations.values():
            preparation.cancel()
        running = [found for each in self.runtime.folders() if (found := self.runtime.state(each)) and found.shim.alive()]
        for found in running:
            self.runtime.stop(found)
        until = time.monotonic() + plans.maximum_limits().stop_seconds + 10
        while any(found.shim.alive() for found in running) and time.monotonic() < until:
            self._beat()
            time.sleep(0.05)
        self._guarded(self._record_stop)

    def _record_stop(self) -> None:
        """What cannot be written now is written by the next agent, from the state files."""
        self.runtime.reap()
        rows = Workload.objects.unscoped().filter(phase__in=STARTED, cluster=self.cluster).select_related("cluster")
        for workload in rows if self.cluster is not None else []:
            actual, found = self.runtime.look(workload.pk, workload.attempt)
            if actual is Actual.EXITED and found is not None:
                self._finish(workload, found)
