"""Child processes that end when their parent does, however it ends."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from portal.engines.errors import EngineError

_PR_SET_PDEATHSIG = 1
# Loaded here and not in the child: between fork and exec no library may be opened.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _dies_with_parent(death_signal: signal.Signals, parent: int) -> Callable[[], None]:
    def in_child() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != parent:  # it died before we could ask
                os.kill(os.getpid(), signal.SIGKILL)

    return in_child


def spawn(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    death_signal: signal.Signals = signal.SIGTERM,
    folder: Path = Path("/"),
    output: int | IO[bytes] = subprocess.DEVNULL,
    **become: Any,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own (a terminal's Ctrl-C reaches only us) that gets `death_signal` if we die.

    The kernel sends that signal when the *thread* that forked ends, so only the main thread may call this.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("children are spawned from the main thread only")
    try:
        return subprocess.Popen(
            [str(part) for part in command],
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_dies_with_parent(death_signal, os.getpid()),
            **become,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineError(f"{command[0]} cannot be started: {error}") from None
