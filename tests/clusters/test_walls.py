"""Hostile workloads against the walls, on the real kernel, as root and as an unprivileged user."""

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from clusters.local import processes
from tests.clusters.conftest import Machine

SEE = """
import os, json
def can(what, *arguments):
    try:
        return what(*arguments)
    except OSError as error:
        return f"{type(error).__name__}"
"""


def test_the_probe_finds_the_level_of_each_user(any_machine: Machine) -> None:
    done = subprocess.run(any_machine.driver("probe"), capture_output=True, text=True, check=True, timeout=60)
    found = json.loads(done.stdout)
    assert found["level"] == any_machine.level, found
    assert found["explanation"].endswith(".")


def test_output_exit_code_and_signal_are_told(any_machine: Machine) -> None:
    ended = any_machine.run(["/bin/sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (ended.code, ended.log, ended.state["cause"]) == (3, "out\nerr\n", "")
    assert ended.state["phase"] == "exited"
    killed = any_machine.run(["/bin/sh", "-c", "kill -SEGV $$"])
    assert (killed.code, killed.state["signal"]) == (None, signal.SIGSEGV)


def test_a_program_that_does_not_exist_is_a_failed_start(any_machine: Machine) -> None:
    ended = any_machine.run(["no-such-program"], env={"PATH": "/usr/bin"})
    assert ended.state["cause"] == "start"
    assert "no-such-program" in ended.state["detail"]


def test_the_portals_files_are_out_of_sight(machine: Machine, tmp_path: Path) -> None:
    secret = machine.folder / "root_key"
    secret.write_text("secret")
    secret.chmod(0o644)  # not the file's mode keeps it in: the wall does
    ended = machine.python_run(
        SEE
        + f"""
print(json.dumps({{
    "secret": can(open, {str(secret)!r}),
    "home": can(os.listdir, {str(machine.folder)!r}),
    "root": sorted(os.listdir("/")),
    "root_home": can(os.listdir, "/root"),
    "etc": "shadow" in os.listdir("/etc"),
    "work": os.getcwd(),
    "write_usr": can(open, "/usr/x", "w"),
    "write_root": can(open, "/x", "w"),
    "write_work": bool(can(open, "x", "w")),
    "write_tmp": bool(can(open, "/tmp/x", "w")),
}}))
"""
    )
    seen = json.loads(ended.log)
    name = os.path.basename(ended.folder)
    assert seen["secret"] == "FileNotFoundError"
    assert seen["home"] == [name], "only the way to its own folder"
    assert seen["root_home"] == "FileNotFoundError"
    assert not seen["etc"]
    assert set(seen["root"]) <= {
        "bin",
        "dev",
        "etc",
        "lib",
        "lib32",
        "lib64",
        "libx32",
        "proc",
        "run",
        "sbin",
        "tmp",
        "usr",
        "var",
    }
    assert seen["work"] == f"{ended.folder}/files"
    assert seen["write_usr"] == "OSError"
    assert seen["write_root"] == "OSError"
    assert seen["write_work"] is True
    assert seen["write_tmp"] is True
    assert Path(ended.folder, "files", "x").exists()


def test_the_portals_processes_are_out_of_sight(machine: Machine) -> None:
    ended = machine.python_run(
        SEE
        + f"""
print(json.dumps({{
    "pids": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
    "kill": can(os.kill, {os.getpid()}, 0),
    "environ": can(open, "/proc/{os.getpid()}/environ"),
    "outer": can(os.listdir, "/proc/1/root"),
}}))
"""
    )
    seen = json.loads(ended.log)
    assert len(seen["pids"]) == 2, "itself and its init"
    assert seen["kill"] == "ProcessLookupError"
    assert seen["environ"] == "FileNotFoundError"


def test_sockets_of_the_engines_cannot_be_reached(machine: Machine) -> None:
    path = machine.folder / "engine"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        path.chmod(0o777)
        server.listen()
        ended = machine.python_run(
            SEE + f"import socket; print(can(socket.socket(socket.AF_UNIX).connect, {str(path)!r}))"
        )
    path.unlink()
    assert ended.log == "FileNotFoundError\n"


def test_nothing_is_inherited(any_machine: Machine) -> None:
    ended = any_machine.python_run(
        "import os, json; print(json.dumps([dict(os.environ), sorted(os.listdir('/proc/self/fd'))]))",
        env={"PATH": "/usr/bin", "ONLY": "this"},
    )
    environment, descriptors = json.loads(ended.log)
    environment.pop("LC_CTYPE", None)  # Python's own doing
    assert environment == {"PATH": "/usr/bin", "ONLY": "this"}
    assert descriptors == ["0", "1", "2", "3"], "the fourth is the listing's own"


def test_no_capabilities_no_new_privileges_no_new_namespaces(any_machine: Machine) -> None:
    ended = any_machine.python_run(
        """
import ctypes, json, os
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
libc = ctypes.CDLL(None, use_errno=True)
made = libc.unshare(0x10000000)
print(json.dumps({
    "caps": [status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")],
    "bounding": status["CapBnd"].strip(),
    "no_new_privs": status["NoNewPrivs"].strip(),
    "seccomp": status["Seccomp"].strip(),
    "uid": os.getuid(), "groups": os.getgroups(), "unshare": made,
}))
"""
    )
    seen = json.loads(ended.log)
    assert set(seen["caps"]) == {"0" * 16}
    assert seen["bounding"] == "0" * 16
    assert (seen["no_new_privs"], seen["seccomp"], seen["unshare"]) == ("1", "2", -1)
    assert seen["uid"] == (any_machine.uid or 1000)
    if any_machine.uid:
        assert seen["groups"] == []


def test_two_workloads_of_one_machine_do_not_see_each_other(machine: Machine) -> None:
    first = subprocess.run(
        machine.driver("start"),
        input=json.dumps(
            {
                "argv": ["/bin/sh", "-c", "echo secret > mine; sleep 60"],
                "level": machine.level,
                "uid": machine.uid,
                "name": "first",
            }
        ),
        capture_output=True,
        text=True,
        check=True,
    )
    shim = processes.identify(json.loads(first.stdout)["pid"])
    assert shim is not None
    try:
        wait_for(machine.folder / "first" / "files" / "mine")
        foreign = str(machine.folder / "first" / "files" / "mine")
        ended = machine.python_run(
            SEE + f"print(can(open, {foreign!r}), len(os.listdir('/proc')) > 0)",
            uid=None if machine.uid is None else machine.uid + 1,
        )
        assert ended.log == "FileNotFoundError True\n"
    finally:
        shim.kill(signal.SIGTERM)
        wait_until_dead(shim)


def test_a_daemon_does_not_outlive_its_workload(any_machine: Machine) -> None:
    ended = any_machine.python_run(
        """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        sys.stdout.close(); sys.stderr.close(); os.close(1); os.close(2)
        while True:
            open("alive", "w").write(str(time.time()))
            time.sleep(0.02)
    os._exit(0)
while not os.path.exists("alive"):
    time.sleep(0.01)
"""
    )
    assert ended.code == 0, ended.log
    path = Path(ended.folder, "files", "alive")
    before = path.read_text()
    time.sleep(0.3)
    assert path.read_text() == before
    assert not running_with(ended.folder)


def test_killing_the_shim_kills_the_workload(machine: Machine) -> None:
    started = subprocess.run(
        machine.driver("start"),
        input=json.dumps(
            {"argv": ["/bin/sh", "-c", "sleep 61 & sleep 61"], "level": machine.level, "uid": machine.uid}
        ),
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(started.stdout)
    shim = processes.identify(answer["pid"])
    assert shim is not None
    until = time.monotonic() + 10
    while len(below := processes.descendants(shim.pid)) < 3 and time.monotonic() < until:
        time.sleep(0.02)
    inside = [found for pid in below if (found := processes.identify(pid))]
    assert len(inside) >= 3
    shim.kill(signal.SIGKILL)
    for process in inside:
        wait_until_dead(process)


def wait_for(path: Path, seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < until, f"{path} did not appear"
        time.sleep(0.02)


def wait_until_dead(process: processes.Identity, seconds: float = 15) -> None:
    until = time.monotonic() + seconds
    while process.alive():
        assert time.monotonic() < until, f"process {process.pid} lives on"
        time.sleep(0.02)


def running_with(text: str) -> list[int]:
    """Processes whose working folder is below `text`."""
    found = []
    for pid in processes.all_pids():
        try:
            if os.readlink(f"/proc/{pid}/cwd").startswith(text):
                found.append(pid)
        except OSError:
            continue
    return found
