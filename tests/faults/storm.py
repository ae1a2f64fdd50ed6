"""Engines and processes killed at random moments of running training jobs, and what must be true afterwards.

Used by `test_faults.py` (a few kills) and `benchmarks/faults.py` (many).
"""

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
import psutil

from clusters.local.launcher import MARKER
from examples.portal_client import Document, Project, Refused
from tests.loop.fixtures import Team
from tests.loop.running import ENDED, Portal, processes_of, whole_log

# What the supervisor's command lines say, and how long after its death a job may still need: a lost worker's lease
# (60 s) and a slow start of an engine, several times over.
VICTIMS = {
    "worker": "manage.py worker",
    "redis": "redis-server",
    "postgres": "bin/postgres",
    "agent": "manage.py agent",
    "mlflow": "registry.mlflow.serve",
}
PATIENCE = 420.0
LINES, SECONDS = 24, 4.0
JOBS_PER_KILL = 2
LATEST_KILL = 11.0  # seconds after the first of its jobs was asked for

T = TypeVar("T")


@dataclass
class Kill:
    """One SIGKILL, and the jobs that had been asked for and not ended at that moment, with their stages."""

    victim: str
    stages: dict[int, str] = field(default_factory=dict)


@dataclass
class Verdict:
    """How one job ended, and everything that is wrong about it."""

    number: int
    state: str
    error: str
    problems: list[str]


class Storm:
    """Launches jobs, kills, and judges."""

    def __init__(self, portal: Portal, team: Team, seed: int, say: Callable[[str], None]) -> None:
        self.portal = portal
        self.project: Project = team.scientist
        self.mlflow = portal.client(f"{team.slug}/mlflow/api/2.0/mlflow", team.tokens["owner"])
        self.random = random.Random(seed)
        self.say = say
        self.kills: list[Kill] = []
        self.jobs: list[int] = []
        self.open: dict[int, float] = {}
        self.answers: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()

    def patiently(self, ask: Callable[[], T], patience: float = 180.0) -> T:
        """Ask until it is answered, as any client does; what the portal said meanwhile is counted."""
        deadline = time.monotonic() + patience
        while True:
            try:
                return ask()
            except Refused as refused:
                self.answers[f"{refused.status} {refused.problem.get('code', '')}".strip()] += 1
                if refused.status < 500 or time.monotonic() > deadline:
                    raise
            except httpx.TransportError as error:
                self.answers[type(error).__name__] += 1
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.3)

    def launch(self) -> None:
        """Ask for one job, exactly once."""
        asked = {
            "project": "loop",
            "parameters": {"alpha": "0.5", "lines": str(LINES), "seconds": str(SECONDS), "log_model": "1"},
            "experiment": "storm",
            "register_as": "storm",
        }
        key = f"storm-{self.random.getrandbits(64):x}"
        job = self.patiently(lambda: self.project.post("training-jobs", asked, key=key))
        self.jobs.append(job["number"])
        self.open[job["number"]] = time.monotonic()

    def job(self, number: int) -> Document:
        found: Document = self.patiently(lambda: self.project.get(f"training-jobs/{number}"))
        return found

    def look(self) -> dict[int, str]:
        """The stages of the jobs that have not ended."""
        stages = {}
        for number in list(self.open):
            found = self.job(number)
            if found["state"] in ENDED:
                del self.open[number]
            else:
                stages[number] = found["stage"] or found["state"]
        return stages

    def strike(self, victim: str) -> None:
        """Launch some jobs, kill at a random moment, and wait until the killed one has a successor."""
        began = time.monotonic()
        moment = self.random.uniform(0.0, LATEST_KILL)
        self.launch()
        later = self.random.uniform(0.0, LATEST_KILL / 2)
        if later < moment:
            time.sleep(max(0.0, began + later - time.monotonic()))
        for _ in range(JOBS_PER_KILL - 1):
            self.launch()
        time.sleep(max(0.0, began + moment - time.monotonic()))
        kill = Kill(victim, self.look())
        process = self.portal.child(VICTIMS[victim])
        process.kill()
        self.kills.append(kill)
        self.say(
            f"kill {len(self.kills):3d}: {victim:8s} at {time.monotonic() - began:4.1f} s, "
            f"{len(kill.stages)} jobs open: {', '.join(sorted(kill.stages.values()))}"
        )
        psutil.wait_procs([process], timeout=10)
        deadline = time.monotonic() + 120
        while not [found for found in self.portal.up.children(VICTIMS[victim]) if found.pid != process.pid]:
            assert time.monotonic() < deadline, (
                f"{victim} was not started again:\n{self.portal.up.said[-3000:]}"
            )
            time.sleep(0.2)
        # Go on once most have ended; those that wait for a lost lease may meet the next kill as well.
        deadline = time.monotonic() + 30
        while len(self.look()) > 1 and time.monotonic() < deadline:
            time.sleep(0.5)

    def calm(self) -> None:
        """Wait until every job has ended and the sweep has seen to each."""
        deadline = time.monotonic() + PATIENCE
        while stages := self.look():
            assert time.monotonic() < deadline, f"jobs that never end: {stages}"
            time.sleep(0.5)
        unsettled = "SELECT count(*) FROM registry_trainingjob WHERE settled_at IS NULL AND number = ANY(%s)"
        while self.portal.query(unsettled, self.jobs)[0][0]:
            assert time.monotonic() < deadline, "runs that nobody closes"
            time.sleep(0.5)

    def verdicts(self) -> list[Verdict]:
        """Judge every job."""
        rows = self.portal.query(
            "SELECT j.number, j.id, j.workload_id, j.run_id, o.id FROM registry_trainingjob j"
            " JOIN projects_operation o ON o.id = j.operation_id WHERE j.number = ANY(%s) ORDER BY j.number",
            self.jobs,
        )
        left = _leftovers({str(row[2]) for row in rows if row[2]})
        versions: list[Document] = self.patiently(lambda: self.project.get("models/storm/versions"))
        self.versions = Counter(version["run_id"] for version in versions)
        return [self._verdict(*row, left.get(str(row[2]), 0)) for row in rows]

    def _verdict(
        self, number: int, job_id: Any, workload: Any, run_id: str, operation: Any, left: int
    ) -> Verdict:
        job = self.job(number)
        problems = []
        if left:
            problems.append(f"{left} processes still run")
        ends = self.portal.query(
            "SELECT action FROM accounts_auditevent WHERE action LIKE 'training.run.%%ed'"
            " AND action <> 'training.run.requested' AND detail->>'operation' = %s",
            str(operation),
        )
        if [row[0] for row in ends] != [f"training.run.{job['state']}"]:
            problems.append(f"ends on record: {[row[0] for row in ends]}")
        alive = "SELECT count(*) FROM projects_token WHERE workload_id = %s AND revoked_at IS NULL"
        if workload and self.portal.query(alive, workload)[0][0]:
            problems.append("a token still lives")
        problems += self._problems_of_run(job, str(job_id), run_id)
        if self.versions[run_id] > 1 or (job["state"] == "succeeded" and self.versions[run_id] != 1):
            problems.append(f"registered {self.versions[run_id]} times")
        lines = [line for line in whole_log(self.project, number).splitlines() if line.startswith("line ")]
        expected = [f"line {n:04d} of {LINES}" for n in range(1, LINES + 1)]
        if job["state"] == "succeeded" and lines != expected:
            problems.append(f"log of {len(lines)} lines, {len(set(lines))} different")
        if len(lines) != len(set(lines)):
            problems.append("log lines twice")
        if job["state"] == "failed" and not (job["error"].strip().endswith(".") and " " in job["error"]):
            problems.append("failed without a sentence")
        return Verdict(number, job["state"], job["error"], problems)

    def _problems_of_run(self, job: Document, job_id: str, run_id: str) -> Iterator[str]:
        experiment = self.patiently(
            lambda: self.mlflow.get("experiments/get-by-name", experiment_name="storm")
        )["experiment"]["experiment_id"]
        asked = {"experiment_ids": [experiment], "filter": f"tags.`portal.job` = '{job_id}'"}
        runs = self.patiently(lambda: self.mlflow.post("runs/search", asked)).get("runs", [])
        if [run["info"]["run_id"] for run in runs] != ([run_id] if run_id else []):
            yield f"{len(runs)} runs"
        for run in runs:
            status = run["info"]["status"]
            if status != {"succeeded": "FINISHED", "failed": "FAILED", "cancelled": "KILLED"}[job["state"]]:
                yield f"run is {status}"
            executions = [tag for tag in run["data"].get("tags", []) if tag["key"].startswith("execution.")]
            if len(executions) > 1 or (job["state"] == "succeeded" and len(executions) != 1):
                yield f"executed {len(executions)} times"

    def table(self, verdicts: list[Verdict]) -> str:
        """Counts by victim; a job counts for each kill that it lived through."""
        by_number = {verdict.number: verdict for verdict in verdicts}
        head = f"{'killed':<10}{'kills':>7}{'jobs hit':>10}{'succeeded':>11}{'failed':>8}{'wrong':>7}"
        rows = [head, "-" * len(head)]
        for victim in VICTIMS:
            kills = [kill for kill in self.kills if kill.victim == victim]
            if not kills:
                continue
            hit = [by_number[number] for kill in kills for number in kill.stages]
            states = Counter(verdict.state for verdict in hit)
            wrong = sum(bool(verdict.problems) for verdict in hit)
            rows.append(
                f"{victim:<10}{len(kills):>7}{len(hit):>10}{states['succeeded']:>11}{states['failed']:>8}{wrong:>7}"
            )
        states = Counter(verdict.state for verdict in verdicts)
        rows.append(
            f"{'all':<10}{len(self.kills):>7}{'':>10}{states['succeeded']:>11}{states['failed']:>8}"
            f"{sum(bool(verdict.problems) for verdict in verdicts):>7}   of {len(verdicts)} jobs"
        )
        stages = Counter(stage for kill in self.kills for stage in kill.stages.values())
        rows.append(
            "Stages that were hit: " + ", ".join(f"{name} {count}" for name, count in stages.most_common())
        )
        rows.append(
            "Answers meanwhile: " + (", ".join(f"{k} ×{n}" for k, n in self.answers.items()) or "none")
        )
        reasons = Counter(verdict.error for verdict in verdicts if verdict.error)
        rows += [f"{count} × {error}" for error, count in reasons.most_common()]
        rows += [f"WRONG: #{v.number} {v.state}: {'; '.join(v.problems)}" for v in verdicts if v.problems]
        return "\n".join(rows)


def _leftovers(workloads: set[str]) -> Counter[str]:
    """Processes of each workload that still live: its program's by their environment, its shim by its arguments."""
    found: Counter[str] = Counter()
    for process in processes_of(workloads):
        with contextlib.suppress(psutil.Error):
            found[process.environ()["PORTAL_WORKLOAD"]] += 1
    names = {workload.replace("-", ""): workload for workload in workloads}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            arguments = process.cmdline()
            name = arguments[-1].rpartition("/")[2] if arguments else ""
            if MARKER in arguments and name in names and process.status() != psutil.STATUS_ZOMBIE:
                found[names[name]] += 1
    return found
