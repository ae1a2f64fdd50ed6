"""The agent: makes what runs on the portal's machine what its rows say should run. One per installation.

Each round reads the rows, looks at the machine, and takes one step per workload (`clusters.states.decide`).
Everything it knows is in rows and in the shims' state files: a killed agent's successor goes on where it was.
While PostgreSQL is away nothing is decided and everything runs on.
"""

import os
import threading
import time
from collections.abc import Callable
from uuid import UUID

import psutil
import structlog
from django.conf import settings
from django.db import close_old_connections, connection
from django.db.models import F, Q
from django.utils import timezone

from accounts.crypto import SealError
from clusters import plans
from clusters.local import cgroup, environments, isolation, preparing
from clusters.local.folders import folder_of, state_root, workloads_root
from clusters.local.hooks import on_change, prepare, register_secrets
from clusters.local.identities import Identities, first_uid
from clusters.local.leadership import Listener, lock_folder
from clusters.local.reconciler import AWAY, Reconciler
from clusters.local.runtime import Runtime, end_all
from clusters.models import Cluster, Workload
from clusters.states import ENDED, STARTED, Actual, Kind, Phase

__all__ = ["Agent", "on_change", "prepare", "register_secrets"]

log = structlog.get_logger(__name__)

ROUND_SECONDS = 1.0
SEEN_SECONDS = 5.0
SWEEP_SECONDS = 60.0
PRUNE_SECONDS = 6 * 3600.0


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
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._due: dict[str, float] = {}
        self.cluster: Cluster | None = None
        for leftover in workloads_root().glob("probe-*"):
            preparing.remove_tree(leftover)
        self.isolation = isolation.probe_isolation(str(workloads_root()))
        log.info("agent.isolation", level=self.isolation.level, failures=list(self.isolation.failures))
        self.reconciler = Reconciler(self.runtime, self.identities, self.isolation, self._wake.set)
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
        self.reconciler.health.close()

    def _guarded(self, step: Callable[[], None]) -> bool:
        """Run a step; False where the database is away: nothing is lost, the next round does it again."""
        try:
            close_old_connections()
            step()
        except AWAY as error:
            log.warning(
                "agent.round_failed", error=type(error).__name__, detail=str(error).split("\n")[0][:200]
            )
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
            .filter(
                Q(pk__in=here) | ~Q(phase__in=ENDED) | Q(generation__gt=F("observed_generation")),
                cluster=self.cluster,
            )
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
                places -= self.reconciler.advance(workload, places)
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
        # What the machine has, never what is left of it: that would show each account the others' work.
        Cluster.objects.filter(pk=cluster.pk).update(
            agent_seen_at=timezone.now(),
            isolation=self.isolation.level,
            isolation_detail=self.isolation.explanation,
            capacity={
                "cpus": os.cpu_count(),
                "memory": psutil.virtual_memory().total,
                "jobs": plans.job_slots(),
            },
        )

    def _sweep(self, workloads: list[Workload], here: list[UUID]) -> None:
        """End what no row claims, and remove the folders of rows that are gone."""
        known = {workload.pk for workload in workloads}
        strangers = self.runtime.strangers(known, self.identities.all_uids())
        if strangers:
            log.warning("agent.strangers", count=end_all(strangers))
        for workload_id in set(self.reconciler.preparations) - known:
            self.reconciler.preparations.pop(workload_id).cancel()
        for workload_id in set(here) - known:
            preparing.remove_tree(folder_of(workload_id))
        cgroup.sweep()

    def _stop_everything(self) -> None:
        """The portal is being stopped: end everything, and write down how, if the database still answers."""
        for preparation in self.reconciler.preparations.values():
            preparation.cancel()
        running = [
            found
            for each in self.runtime.folders()
            if (found := self.runtime.state(each)) and found.shim.alive()
        ]
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
        rows = (
            Workload.objects.unscoped()
            .filter(phase__in=STARTED, cluster=self.cluster)
            .select_related("cluster")
        )
        for workload in rows if self.cluster is not None else []:
            actual, found = self.runtime.look(workload.pk, workload.attempt)
            if actual is Actual.EXITED and found is not None:
                self.reconciler.finish(workload, found)
