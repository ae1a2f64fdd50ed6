"""What a workload may use, enforced on the real kernel: each limit ends it with a cause of its own."""

import json
import signal
import subprocess
import time
from pathlib import Path

from clusters.local import processes
from clusters.local.capture import TAIL_BYTES
from tests.clusters.conftest import Machine
from tests.clusters.test_walls import running_with, wait_for, wait_until_dead

MIB = 1024**2


def test_a_memory_hog_is_killed(any_machine: Machine) -> None:
    ended = any_machine.python_run(
        "hold = []\nwhile True: hold.append(bytearray(8 * 1024 * 1024))", limits={"memory": 200 * MIB}
    )
    assert ended.state["cause"] == "memory", ended
    assert not running_with(ended.folder)


def test_memory_counts_for_the_tree_and_sharing_is_not_punished(any_machine: Machine) -> None:
    share = """
import os, time
hold = bytearray(os.urandom(1024 * 1024)) * 120
children = []
for _ in range(4):
    pid = os.fork()
    if pid == 0:
        time.sleep(1.2)
        os._exit(0)
    children.append(pid)
for pid in children: os.waitpid(pid, 0)
"""
    ended = any_machine.python_run(share, limits={"memory": 300 * MIB})
    assert (ended.state["cause"], ended.code) == ("", 0), ended
    hog = share.replace(
        "        time.sleep(1.2)", "        hold = bytearray(os.urandom(1024 * 1024)) * 120; time.sleep(20)"
    )
    assert any_machine.python_run(hog, limits={"memory": 300 * MIB}).state["cause"] == "memory"


def test_wall_time_ends_a_workload_that_ignores_signals(any_machine: Machine) -> None:
    started = time.monotonic()
    ended = any_machine.python_run(
        "import signal, time\nfor n in (15, 2, 1): signal.signal(n, signal.SIG_IGN)\ntime.sleep(60)",
        limits={"wall_seconds": 1},
    )
    assert ended.state["cause"] == "wall"
    assert time.monotonic() - started < 15


def test_processor_time(any_machine: Machine) -> None:
    ended = any_machine.run(["/bin/sh", "-c", "while :; do :; done"], limits={"cpu_seconds": 1})
    assert ended.state["signal"] in (signal.SIGXCPU, signal.SIGKILL)
    assert 0.5 < ended.state["cpu_seconds"] < 5


def test_a_fork_bomb_stays_small_and_leaves_nothing(any_machine: Machine) -> None:
    ended = any_machine.python_run(
        """
import os, time
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.05)
""",
        limits={"processes": 40, "wall_seconds": 3, "memory": 800 * MIB},
    )
    assert ended.state["cause"] in ("wall", "processes"), ended.state
    assert not running_with(ended.folder)


def test_disk(any_machine: Machine) -> None:
    code = "import time\nfor n in range(40): open(f'part{n}', 'wb').write(b'x' * 1024 * 1024)\ntime.sleep(30)"
    ended = any_machine.python_run(code, limits={"disk_bytes": 10 * MIB})
    assert ended.state["cause"] == "disk"
    one = any_machine.python_run("open('big', 'wb').write(b'x' * 30_000_000)", limits={"file_bytes": MIB})
    assert "File too large" in one.log
    assert Path(one.folder, "files", "big").stat().st_size <= MIB


def test_a_flood_of_output_keeps_the_beginning_and_the_end(any_machine: Machine) -> None:
    code = "print('first line')\nfor n in range(300_000): print('line', n)\nprint('the reason')"
    ended = any_machine.python_run(code, limits={"log_bytes": 100_000})
    assert ended.code == 0
    assert ended.log.startswith("first line\nline 0\n")
    assert "[The log is longer than 100000 bytes" in ended.log
    assert ended.log.endswith("the reason\n\n")
    assert len(ended.log) < 100_000 + TAIL_BYTES + 1000


def test_stop_is_polite_then_final_and_takes_the_whole_tree(any_machine: Machine) -> None:
    polite = """
import signal, sys, time
def leave(*_):
    print("goodbye", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
open("ready", "w").close()
time.sleep(60)
"""
    deaf = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        break
open(f"ready", "w").close()
time.sleep(60)
"""
    for name, code, said in (("polite", polite, "goodbye\n"), ("deaf", deaf, "")):
        text = json.dumps(
            {
                "argv": ["/usr/bin/python3", "-I", "-c", code],
                "level": any_machine.level,
                "uid": any_machine.uid,
                "name": name,
                "limits": {"stop_seconds": 1},
            }
        )
        done = subprocess.run(
            any_machine.driver("start"), input=text, capture_output=True, text=True, check=True
        )
        answer = json.loads(done.stdout)
        shim = processes.identify(answer["pid"])
        assert shim is not None
        folder = Path(answer["folder"])
        wait_for(folder / "files" / "ready")
        shim.kill(signal.SIGTERM)
        wait_until_dead(shim)
        ended = json.loads((folder / "state.json").read_text())
        assert (ended["phase"], ended["cause"]) == ("exited", "stopped")
        assert (folder / "log").read_text() == said
        assert not running_with(str(folder))


def test_a_second_shim_for_one_workload_refuses(any_machine: Machine) -> None:
    text = json.dumps(
        {
            "argv": ["/bin/sh", "-c", "echo once >> ../files/count; sleep 30"],
            "level": any_machine.level,
            "uid": any_machine.uid,
            "name": "twice",
        }
    )
    pids = [
        json.loads(
            subprocess.run(
                any_machine.driver("start"), input=text, capture_output=True, text=True, check=True
            ).stdout
        )["pid"]
        for _ in range(2)
    ]
    count = any_machine.folder / "twice" / "files" / "count"
    wait_for(count)
    time.sleep(0.5)
    alive = [found for pid in pids if (found := processes.identify(pid)) and found.alive()]
    assert len(alive) == 1
    assert count.read_text() == "once\n"
    alive[0].kill(signal.SIGTERM)
    wait_until_dead(alive[0])
