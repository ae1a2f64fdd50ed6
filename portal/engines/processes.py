"""Child processes that end when their parent does, however it ends."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from portal.engines.errors import EngineError

_PR_SET_PDEATHSIG = 1
# Loaded here and not in the child: between fork and exec no library may be opened.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
TROUBLE = re.compile(r'"level": "(error|critical)"|\b(ERROR|CRITICAL|FATAL|PANIC)\b|^Traceback')


@dataclass(frozen=True)
class Program:
    """What to run, and how to end it.

    `stop_signal` asks it to end, `death_signal` is what the kernel sends it when we die; after `patience` seconds it
    is killed with its process group. Lines of its output that match `loud` are worth a person's attention.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    stage: int = 0
    folder: Path = Path("/")
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGTERM
    patience: float = 8.0
    descriptors: tuple[int, ...] = ()
    become: Mapping[str, Any] = field(default_factory=dict)
    loud: re.Pattern[str] = TROUBLE
    before: Callable[[], None] = lambda: None


def _dies_with_parent(death_signal: signal.Signals, parent: int) -> Callable[[], None]:
    def in_child() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != parent:  # it died before we could ask
                os.kill(os.getpid(), signal.SIGKILL)

    return in_child


def spawn(program: Program, output: int | IO[bytes] = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own: a terminal's Ctrl-C reaches only us, and we end it in order.

    The kernel sends the death signal when the *thread* that forked ends, so only the main thread may call this.
    Raises `EngineError` where the program cannot be started.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("children are spawned from the main thread only")
    program.before()
    try:
        return subprocess.Popen(
            program.command,
            env=dict(program.environment),
            cwd=program.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=program.descriptors,
            preexec_fn=_dies_with_parent(program.death_signal, os.getpid()),  # noqa: PLW1509  # no threads here
            **program.become,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineError(f"{program.command[0]} cannot be started: {error}") from None


def stop(process: subprocess.Popen[bytes], program: Program) -> None:
    """End one child: politely, and after the program's patience for good."""
    if process.poll() is not None:
        return
    process.send_signal(program.stop_signal)
    try:
        process.wait(program.patience)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
