"""The workload's own file system: a bare root, the system read-only, its folders, and nothing else.

Order of steps: private mounts → a small tmpfs → binds from the still visible host → pivot_root → the old root
detached → the new root read-only. Runs in process 1 of the workload's namespaces (`clusters.local.walls`),
before capabilities drop. Standard library only.
"""

import os
from dataclasses import dataclass

from clusters.local import kernel
from clusters.local.kernel import (
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    MS_SLAVE,
)
from clusters.local.spec import MIB, WorkloadSpec

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
ETC = (
    *("alternatives", "ca-certificates", "ca-certificates.conf", "fonts", "gai.conf", "host.conf", "hosts"),
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types", "nsswitch.conf", "pki"),
    *("protocols", "resolv.conf", "services", "ssl", "timezone"),
)
TMP = "/tmp"  # noqa: S108 - the workload's own, a folder of the host that nobody else sees
DEVICES = ("null", "zero", "full", "random", "urandom")
INSIDE_UID = 1000  # what the workload's user is called in a user namespace of its own

# What a bind remount must repeat, or the kernel refuses to change a mount inherited from a more privileged
# namespace.
_LOCKED = {
    os.ST_NOSUID: MS_NOSUID,
    os.ST_NODEV: MS_NODEV,
    os.ST_NOEXEC: MS_NOEXEC,
    os.ST_NOATIME: kernel.MS_NOATIME,
    os.ST_NODIRATIME: kernel.MS_NODIRATIME,
    os.ST_RELATIME: kernel.MS_RELATIME,
}


@dataclass(frozen=True)
class Root:
    """Builds the root at `path`, an empty folder of the host that only the mounts of this namespace will
    cover.
    """

    path: str

    def inside(self, path: str) -> str:
        return self.path + path

    def folder(self, path: str, mode: int = 0o755) -> None:
        """Make a folder and its parents in the new root; whatever stands there already stays."""
        if path in ("", "/") or os.path.isdir(self.inside(path)):
            return
        self.folder(os.path.dirname(path))
        os.mkdir(self.inside(path), mode)

    def write(self, path: str, text: str) -> None:
        self.folder(os.path.dirname(path))
        with open(self.inside(path), "w", encoding="utf-8") as file:
            file.write(text)

    def bind(self, source: str, target: str, *, read_only: bool, devices: bool = False) -> None:
        """Show the host's `source` at `target`, recursively."""
        if os.path.isdir(source):
            self.folder(target)
        elif not os.path.exists(self.inside(target)):
            self.write(target, "")
        at = self.inside(target)
        kernel.mount(source, at, None, MS_BIND | MS_REC)
        wanted = (0 if devices else MS_NODEV) | MS_NOSUID | (MS_RDONLY if read_only else 0)
        for point in [at, *_mounts_below(at)]:
            held = os.statvfs(point).f_flag
            kept = sum(flag for bit, flag in _LOCKED.items() if held & bit)
            kernel.mount("none", point, None, MS_BIND | MS_REMOUNT | wanted | kept)

    def tmpfs(self, path: str, size: int, mode: int) -> None:
        self.folder(path)
        options = f"size={size},mode={mode:o},nr_inodes=100k"
        kernel.mount("tmpfs", self.inside(path), "tmpfs", MS_NOSUID | MS_NODEV, options)

    def pivot(self) -> None:
        """Make this the root; the host's tree is gone for good afterwards."""
        os.chdir(self.path)
        kernel.pivot_root(".", ".")
        kernel.unmount(".")
        os.chdir("/")
        kernel.mount("none", "/", None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)


def _mounts_below(path: str) -> list[str]:
    """Mount points strictly below `path`, from this process's mountinfo (proc(5): field 5, octal escapes)."""
    result = []
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            point = line.split(" ")[4]
            for escaped, plain in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")):
                point = point.replace(escaped, plain)
            if point.startswith(path + "/"):
                result.append(point)
    return result


def build(spec: WorkloadSpec, *, uid: int, gid: int) -> list[str]:
    """Build and enter the workload's file system; return sentences about what this machine would not
    allow.
    """
    notes: list[str] = []
    os.umask(0o022)  # the folders on the way must be passable for the workload's user
    kernel.mount("none", "/", None, MS_SLAVE | MS_REC)
    root = Root(os.path.join(spec.folder, "root"))
    kernel.mount("tmpfs", root.path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=4m")
    for path in SYSTEM:
        if os.path.islink(path):
            root.folder(os.path.dirname(path))
            os.symlink(os.readlink(path), root.inside(path))
        elif os.path.isdir(path):
            root.bind(path, path, read_only=True)
    for name in ETC:
        source = os.path.realpath(f"/etc/{name}")
        if os.path.exists(source):
            root.bind(source, f"/etc/{name}", read_only=True)
    root.write(
        "/etc/passwd",
        f"root:x:0:0:root:/nonexistent:/bin/false\njob:x:{uid}:{gid}:job:{files(spec)}:/bin/sh\n",
    )
    root.write("/etc/group", f"root:x:0:\njob:x:{gid}:\n")
    for path in spec.hidden:
        if os.path.isdir(root.inside(path)):
            kernel.mount("tmpfs", root.inside(path), "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m")
    _devices(root, spec)
    root.bind(tmp(spec), TMP, read_only=False)  # first: the portal's own folder may itself be below /tmp
    for path in spec.read_only:
        root.bind(path, path, read_only=True)
    root.folder("/var")
    os.symlink(TMP, root.inside(f"/var{TMP}"))
    root.folder("/run")
    root.bind(files(spec), files(spec), read_only=False)
    root.folder("/proc")
    try:
        kernel.mount("proc", root.inside("/proc"), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    except OSError as error:
        notes.append(
            f"/proc is empty: this machine does not let an unprivileged process mount one ({error.strerror})."
        )
    root.pivot()
    return notes


def _devices(root: Root, spec: WorkloadSpec) -> None:
    root.tmpfs("/dev", MIB, 0o755)
    for name in DEVICES:
        root.bind(f"/dev/{name}", f"/dev/{name}", read_only=False, devices=True)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(target, root.inside(f"/dev/{name}"))
    root.tmpfs("/dev/shm", spec.limits.memory // 4, 0o1777)  # noqa: S108 - the workload's own


def files(spec: WorkloadSpec) -> str:
    """The working folder: the same path inside and outside."""
    return os.path.join(spec.folder, "files")


def tmp(spec: WorkloadSpec) -> str:
    """The host's folder behind the workload's private /tmp."""
    return os.path.join(spec.folder, "tmp")
