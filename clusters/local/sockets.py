"""Reaching a service: its socket lies in a folder that it can write, so nothing there is believed.

A service could put a link to another socket (MLflow's, PostgreSQL's) where its own should be and have the
portal talk to it. So the name is opened without following links, what was opened is checked, and exactly that
is connected to.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.utils.translation import gettext as _

from accounts.errors import Unavailable
from clusters.local.folders import folder_of
from clusters.models import Workload
from clusters.plans import SOCKET


@contextmanager
def invoke_socket(workload: Workload) -> Iterator[Path]:
    """Give a path to connect to while the context is open: `httpx.AsyncHTTPTransport(uds=str(path))`.

    Valid in this process only, short whatever the folder's length. Raises `Unavailable` where there is no
    socket.
    """
    try:
        descriptor = os.open(
            folder_of(workload.pk) / "files" / SOCKET, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
        )
    except OSError:
        raise _unavailable() from None
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            raise _unavailable()
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _unavailable() -> Unavailable:
    return Unavailable(
        "workload.no_socket",
        _("The service does not answer: it is not listening yet, or no more."),
        retry_after=2,
    )
