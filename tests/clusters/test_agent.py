"""The agent as a process over a real database: what rows ask for, kills of everything, logs exactly once."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.db import connection

from accounts.audit import Actor, acting_as
from accounts.errors import Unavailable
from accounts.ids import uuid7
from accounts.models import Account, User
from accounts.tenancy import scope
from clusters.actions import Owner, restart_workload, start_workload, stop_workload, workload_log
from clusters.local import processes
from clusters.local.folders import folder_of
from clusters.local.sockets import invoke_socket
from clusters.models import Cluster, Placement, Workload, WorkloadLog
from clusters.plans import EnvironmentPlan, Plan
from clusters.states import ENDED, Desired, Phase
from projects.actions.accounts import open_account
from tests.clusters.test_walls import running_with, wait_until_dead
from tests.engines.fixtures import CommittedDatabase, Engines

PATIENCE = 30


class World:
    """One account in a database of this test's own, and agents over it."""

    def __init__(self, database: CommittedDatabase, tmp_path: Path) -> None:
        self.changes = tmp_path / "changes"
        self.output = tmp_path / "agent.log"
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PORTAL_DATABASE", "DJANGO"))
        }
        self.environment |= {
            **database.environment(),
            "PORTAL_DATABASE_ROLE": "system",
            "CHANGES": str(self.changes),
            "PORTAL_DEPLOYMENT_ID": settings.DEPLOYMENT_ID,
        }
        self.account = self.open_account("Etch")
        self.agents: list[subprocess.Popen[bytes]] = []

    def open_account(self, name: str) -> Account:
        owner = User.objects.create(username=f"owner-{uuid7().hex[-12:]}")
        with acting_as(Actor("user", str(owner.pk), owner.username), via="test"):
            return open_account(name, Account.Kind.GENERAL, owner)[0]

    def agent(self) -> "subprocess.Popen[bytes]":
        with open(self.output, "ab") as output:
            process = subprocess.Popen(
                [sys.executable, str(Path(__file__).parent / "agent_process.py")],
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.agents.append(process)
        return process

    def end(self, agent: "subprocess.Popen[bytes]", number: int = signal.SIGTERM) -> None:
        agent.send_signal(number)
        agent.wait(timeout=40)
        self.agents.remove(agent)

    @contextmanager
    def inside(self, account: Account | None = None) -> Iterator[None]:
        with acting_as(Actor("user", "u", "owner"), via="test"), scope((account or self.account).pk):
            yield

    def start(
        self, *argv: str, kind: str = "job", name: str = "", account: Account | None = None, **plan: Any
    ) -> Workload:
        with self.inside(account):
            return start_workload(
                kind=kind, owner=Owner("test", uuid7(), "a test", name), plan=Plan(argv=argv, **plan)
            )

    def python(self, code: str, **more: Any) -> Workload:
        return self.start("/usr/bin/python3", "-I", "-u", "-c", code, **more)

    def read(self, workload: Workload) -> Workload:
        with scope(workload.account_id):
            return Workload.objects.select_related("cluster").get(pk=workload.pk)

    def until(
        self, workload: Workload, condition: Callable[[Workload], bool], seconds: float = PATIENCE
    ) -> Workload:
        deadline = time.monotonic() + seconds
        while not condition(seen := self.read(workload)):
            if time.monotonic() > deadline:
                tail = self.output.read_text()[-3000:]
                pytest.fail(
                    f"{seen.phase} {seen.reason_code} {seen.reason_facts}\n{self.log(workload)}\n{tail}"
                )
            time.sleep(0.1)
        return seen

    def ended(self, workload: Workload) -> Workload:
        return self.until(workload, lambda seen: seen.phase in ENDED)

    def running(self, workload: Workload) -> Workload:
        return self.until(workload, lambda seen: seen.phase == Phase.RUNNING)

    def log(self, workload: Workload) -> str:
        text, offset = "", 0
        with scope(workload.account_id):
            row = Workload.objects.get(pk=workload.pk)
            while True:
                more, after = workload_log(row, offset)
                if after == offset:
                    return text
                text, offset = text + more, after

    def logged(self, workload: Workload, text: str) -> None:
        self.until(workload, lambda seen: text in self.log(seen))

    def close(self) -> None:
        for agent in list(self.agents):
            self.end(agent)


@pytest.fixture
def world(committed_database: CommittedDatabase, tmp_path: Path) -> Iterator[World]:
    world = World(committed_database, tmp_path)
    yield world
    world.close()
    assert not running_with(str(settings.LOCAL_STATE / "w")), "nothing outlives the agent's clean stop"


def test_a_job_from_start_to_end(world: World) -> None:
    world.agent()
    job = world.python(
        "import os; print(open('given.txt').read(), os.environ['TOKEN'], os.environ['X'])", env={"X": "y"}
    )
    done = world.ended(job)
    assert (done.phase, done.exit_code, done.reason) == (Phase.SUCCEEDED, 0, "")
    assert world.log(job) == f"preparing\ngiven\n secret-of-{job.pk} y\n"
    phases = [line.split()[1] for line in world.changes.read_text().splitlines()]
    assert phases == ["preparing", "starting", "running", "succeeded"] or phases == [
        "preparing",
        "starting",
        "succeeded",
    ]
    with world.inside():
        assert "secret-of" not in str(Workload.objects.values().get())
        sealed = WorkloadLog.objects.get().content
        assert "given" not in repr(sealed)
    until = time.monotonic() + 10
    while folder_of(job.pk).exists():
        assert time.monotonic() < until, "the folder, with data in clear, stays"
        time.sleep(0.1)


def test_the_environment_of_a_job(world: World) -> None:
    world.agent()
    job = world.start(
        "python",
        "-c",
        "import six; print('six', six.__version__)",
        environment=EnvironmentPlan(requirements=("six==1.17.0",)),
    )
    assert world.ended(job).phase == Phase.SUCCEEDED, world.log(job)
    assert world.log(job).endswith("six 1.17.0\n")


def test_failures_say_why(world: World) -> None:
    world.agent()
    expected = {
        world.python("raise SystemExit(3)"): "The program ended with exit code 3; its log says why.",
        world.start("no-such-program"): "no-such-program",
        world.python("pass", name="refused"): "It could not be prepared: The project has no entry point.",
        world.python(
            "import time; time.sleep(60)", limits={"wall_seconds": 1}
        ): "longer than its limit of 0:00:01",
        world.python(
            "x = []\nwhile True: x.append(bytearray(1 << 23))", limits={"memory": 150 << 20}
        ): "150 MiB of memory",
        world.start(
            "python", environment=EnvironmentPlan(requirements=("no-such-package-here",))
        ): "could not be built",
    }
    for workload, sentence in expected.items():
        done = world.ended(workload)
        assert done.phase == Phase.FAILED
        assert sentence in done.reason, done.reason


def test_a_broken_hook_is_tried_again_then_fails(world: World) -> None:
    world.agent()
    job = world.python("pass", name="broken")
    again = world.until(job, lambda seen: seen.restarts >= 1)
    assert "RuntimeError" in again.reason
    assert again.phase in (Phase.PENDING, Phase.PREPARING)


def test_stop_while_pending_preparing_and_running(world: World) -> None:
    waiting = world.python("print('never')")
    with world.inside():
        stop_workload(waiting)
    world.agent()
    assert world.ended(waiting).phase == Phase.STOPPED
    job = world.python("import time; print('up', flush=True); time.sleep(100)")
    world.logged(job, "up")
    folder = str(folder_of(job.pk))
    with world.inside():
        stop_workload(job)
    done = world.ended(job)
    assert (done.phase, done.reason) == (Phase.STOPPED, "It was stopped.")
    assert not running_with(folder)
    assert "never" not in world.log(waiting)


COUNT = "import time\nfor n in range(60):\n    print('line', n, flush=True)\n    time.sleep(0.1)"


def test_a_killed_agents_successor_adopts_and_logs_each_line_once(world: World) -> None:
    agent = world.agent()
    job = world.python(COUNT)
    running = world.running(job)
    shim = processes.identify(running.pid or 0)
    assert shim is not None
    assert shim.started == running.started_ticks
    for _ in range(3):
        time.sleep(0.7)
        world.end(agent, signal.SIGKILL)
        assert shim.alive(), "the workload outlives its agent"
        agent = world.agent()
    adopted = world.until(job, lambda seen: seen.log_bytes > 300 or seen.phase in ENDED)
    assert (adopted.pid, adopted.attempt) in ((shim.pid, 1), (None, 1))
    assert world.ended(job).phase == Phase.SUCCEEDED
    assert world.log(job) == "preparing\n" + "".join(f"line {n}\n" for n in range(60))


def test_a_job_that_ended_while_no_agent_was_there(world: World) -> None:
    agent = world.agent()
    job = world.python("import time; time.sleep(2); print('done')")
    world.running(job)
    world.end(agent, signal.SIGKILL)
    time.sleep(2.5)
    world.agent()
    assert world.ended(job).phase == Phase.SUCCEEDED
    assert world.log(job) == "preparing\ndone\n"


def test_a_job_whose_shim_vanished_is_lost_with_a_sentence(world: World) -> None:
    world.agent()
    job = world.running(world.python("import time; time.sleep(100)"))
    shim = processes.identify(job.pid or 0)
    assert shim is not None
    shim.kill(signal.SIGKILL)
    done = world.ended(job)
    assert done.phase == Phase.FAILED
    assert "stopped abruptly" in done.reason


def test_the_database_goes_away_and_comes_back(world: World, engines: Engines) -> None:
    world.agent()
    job = world.python(COUNT)
    shim_pid = world.running(job).pid
    with engines.postgres.connect("postgres") as superuser:
        name = world.environment["DATABASE_URL"].split("@/")[1].split("?")[0]
        superuser.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')  # type: ignore[arg-type]
        superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        time.sleep(4)
        shim = processes.identify(shim_pid or 0)
        assert shim is not None
        assert shim.alive()
        superuser.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')  # type: ignore[arg-type]
    connection.close()  # ours was ended too
    assert world.ended(job).phase == Phase.SUCCEEDED
    assert world.log(job) == "preparing\n" + "".join(f"line {n}\n" for n in range(60))


SERVICE = """
import http.server, os, socketserver, sys
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer): pass
class Handler(http.server.BaseHTTPRequestHandler):
    def address_string(self): return "unix"
    def log_message(self, *arguments): pass
    def do_GET(self):
        if self.path == "/crash": os._exit(9)
        self.send_response(200); self.end_headers(); self.wfile.write(str(os.getpid()).encode())
if os.path.exists("service.sock"): os.unlink("service.sock")
print("serving", flush=True)
Server("service.sock", Handler).serve_forever()
"""


def ask(workload: Workload, path: str = "/health") -> str:
    with (
        invoke_socket(workload) as socket,
        httpx.Client(transport=httpx.HTTPTransport(uds=str(socket))) as client,
    ):
        return client.get(f"http://service{path}").text


def test_a_service_answers_crashes_comes_back_and_stops(world: World) -> None:
    world.agent()
    service = world.python(SERVICE, kind="service", health_path="/health")
    up = world.running(service)
    assert up.ready
    assert ask(service).isdecimal()
    with pytest.raises(httpx.HTTPError):
        ask(service, "/crash")
    again = world.until(service, lambda seen: seen.restarts == 1 and seen.phase == Phase.RUNNING)
    assert again.pid != up.pid
    assert again.attempt == 2
    assert ask(service).isdecimal()
    assert world.log(service).count("serving") == 2
    assert world.log(service).count("preparing") == 1
    with world.inside():
        restart_workload(service)
    fresh = world.until(service, lambda seen: seen.attempt == 3 and seen.phase == Phase.RUNNING)
    assert fresh.restarts == 0
    world.logged(service, "serving")
    assert world.log(service) == "preparing\nserving\n", "the old log is gone"
    with world.inside():
        stop_workload(service)
    assert world.ended(service).phase == Phase.STOPPED
    with world.inside():
        restart_workload(service)
    assert world.running(service).desired == Desired.RUNNING


def test_a_service_that_never_listens_is_started_again_with_a_reason(world: World) -> None:
    world.agent()
    service = world.python(
        "import time; time.sleep(100)", kind="service", health_path="/health", start_seconds=2
    )
    again = world.until(service, lambda seen: seen.restarts == 1)
    assert "did not answer on its socket within 0:00:02" in again.reason


def test_a_service_cannot_lead_the_portal_to_another_socket(world: World) -> None:
    world.agent()
    target = settings.LOCATIONS.postgres_sockets / ".s.PGSQL.5432"
    assert target.exists()
    service = world.python(
        f"import os, time; os.symlink({str(target)!r}, 'service.sock')\nprint('linked'); time.sleep(100)",
        kind="service",
    )
    world.logged(service, "linked")
    with pytest.raises(Unavailable), invoke_socket(service):
        pass


def test_stopping_the_portal_ends_jobs_with_a_sentence_and_services_come_back(world: World) -> None:
    agent = world.agent()
    job = world.python("import time; time.sleep(100)")
    service = world.python(SERVICE, kind="service", health_path="/health")
    shims = [processes.identify(world.running(each).pid or 0) for each in (job, service)]
    world.end(agent)
    assert not any(shim.alive() for shim in shims if shim)
    done = world.read(job)
    assert (done.phase, done.reason) == (Phase.FAILED, "The portal was stopped while this was running.")
    assert world.read(service).phase == Phase.PENDING
    world.agent()
    assert world.running(service).ready


def test_strangers_are_ended(world: World) -> None:
    agent = world.agent()
    job = world.running(world.python("import time; time.sleep(100)"))
    shim = processes.identify(job.pid or 0)
    assert shim is not None
    world.end(agent, signal.SIGKILL)
    with world.inside():
        WorkloadLog.objects.filter(workload=job).delete()
        Workload.objects.filter(pk=job.pk).delete()
    world.agent()
    wait_until_dead(shim, 30)
    deadline = time.monotonic() + 70
    while folder_of(job.pk).exists():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_only_one_agent(world: World) -> None:
    world.agent()
    job = world.running(world.python("import time; time.sleep(100)"))
    second = world.agent()
    assert second.wait(timeout=30) != 0
    world.agents.remove(second)
    assert "there is one per portal" in world.output.read_text()
    assert world.read(job).phase == Phase.RUNNING


def test_jobs_wait_for_a_place_and_accounts_are_separate(world: World) -> None:
    other = world.open_account("Litho")
    world.environment["PORTAL_LOCAL_JOBS"] = "2"
    world.agent()
    jobs = [
        world.python("import os, time; print(os.getuid()); time.sleep(2)", account=each)
        for each in (None, other, None)
    ]
    last = world.until(jobs[2], lambda seen: seen.phase != Phase.PENDING or seen.reason_code == "waiting")
    assert last.reason == "Waiting for a free place on the portal's machine."
    assert [world.ended(job).phase for job in jobs] == [Phase.SUCCEEDED] * 3
    users = [world.log(job).split()[-1] for job in jobs]
    assert users[0] == users[2]
    if os.geteuid() == 0:
        assert users[0] != users[1]
    with world.inside(other):
        assert not Workload.objects.filter(pk=jobs[0].pk).exists()
        assert Placement.objects.count() == 1
        assert Cluster.objects.get().isolated


def test_a_log_in_korean_is_read_in_whole_characters(world: World) -> None:
    world.agent()
    job = world.python("for n in range(9000): print('수율 예측', n)")
    world.ended(job)
    assert world.log(job) == "preparing\n" + "".join(f"수율 예측 {n}\n" for n in range(9000))
    with world.inside():
        assert WorkloadLog.objects.count() > 1
