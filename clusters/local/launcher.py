"""Starting a shim: its folders, its clean environment, its spec in memory."""

import os
import subprocess
import sys
from pathlib import Path

from clusters.local.spec import WorkloadSpec

TREE = str(Path(__file__).resolve().parents[2])
_ENTRY = "import sys; sys.path.insert(0, sys.argv[1]); from clusters.local.shim import main; main()"
MARKER = "clusters.local.shim"
"""Part of every shim's command line, by which a sweep finds those that no row claims."""


def make_folders(folder: str, uid: int | None) -> None:
    """Make the private folder of a workload with what it will see; `uid` owns what it may write."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    # The uid must be able to pass through, never to list: with namespaces it sees only what is bound in.
    os.chmod(folder, 0o711 if uid is not None else 0o700)
    os.makedirs(os.path.join(folder, "root"), mode=0o700, exist_ok=True)
    for name in ("files", "tmp"):
        path = os.path.join(folder, name)
        os.makedirs(path, mode=0o700, exist_ok=True)
        if uid is not None:
            os.chown(path, uid, uid)


def give_files(folder: str, uid: int | None) -> None:
    """Make the prepared files the workload's own. Only before its first start: links in there are not
    followed.
    """
    top = os.path.join(folder, "files")
    if uid is None:
        return
    for base, folders, files in os.walk(top, followlinks=False):
        for name in (*folders, *files):
            os.chown(os.path.join(base, name), uid, uid, follow_symlinks=False)
    os.chown(top, uid, uid)


def launch(spec: WorkloadSpec) -> "subprocess.Popen[bytes]":
    """Start the shim of one workload and return at once. It inherits nothing: no environment, no
    descriptors, no session.
    """
    memory = os.memfd_create(f"workload-{spec.id}", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(memory), "wb") as file:
            file.write(spec.dumps())
        os.lseek(memory, 0, os.SEEK_SET)
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _ENTRY, TREE, MARKER, spec.folder],
            stdin=memory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
            cwd="/",
            close_fds=True,
            start_new_session=True,
        )
    finally:
        os.close(memory)
