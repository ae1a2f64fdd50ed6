"""The system's git, run with nothing of this machine or its users in it, and with bounds."""

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from django.utils.translation import gettext as _

from accounts.errors import PortalError, Unavailable, Unprocessable
from accounts.outbound import ResolvedTarget
from registry.archives import Limits

_PIECE = 64 * 1024


@dataclass(frozen=True)
class Bounds:
    """How much a repository may cost.

    Seconds for each call of git, bytes of its memory and of any file that it writes, and what may come out.
    """

    seconds: float = 60
    memory: int = 2 << 30
    file: int = 256 << 20
    content: Limits = field(default_factory=lambda: Limits(entries=5000, total=128 << 20))


class LockedGit:
    """The system's git with nothing of this machine or its user in it."""

    def __init__(self, scratch: Path, target: ResolvedTarget, bounds: Bounds) -> None:
        self.repository = scratch / "repository.git"
        self._scratch = scratch
        self._target = target
        self._bounds = bounds
        home = scratch / "home"
        home.mkdir()
        self._environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(home),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "false",
            "GIT_ALLOW_PROTOCOL": target.scheme,
            "GIT_CEILING_DIRECTORIES": str(scratch),
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
        } | {name: os.environ[name] for name in ("SSL_CERT_FILE", "GIT_SSL_CAINFO") if name in os.environ}

    def command(self, *arguments: str) -> list[str]:
        """The argument list of one call, bounds on memory and written files included (`ulimit` counts
        1024 and 512 bytes).
        """
        settings = {
            "protocol.allow": "never",
            f"protocol.{self._target.scheme}.allow": "always",
            "http.followRedirects": "false",
            "http.curloptResolve": self._target.curl_resolve,
            "http.proxy": "",
            "http.lowSpeedLimit": "1000",
            "http.lowSpeedTime": "20",
            "credential.helper": "",
            "core.hooksPath": os.devnull,
            "core.fsmonitor": "false",
            "core.bigFileThreshold": "8m",
            "fetch.fsckObjects": "true",
            "submodule.recurse": "false",
            "transfer.bundleURI": "false",
            "gc.auto": "0",
            "maintenance.auto": "false",
        }
        limits = (
            f'ulimit -v {self._bounds.memory // 1024} && ulimit -f {self._bounds.file // 512} && exec "$@"'
        )
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        where = ["--git-dir", str(self.repository)] if self.repository.exists() else []
        return ["sh", "-c", limits, "sh", "git", *options, *where, *arguments]

    def run(self, *arguments: str) -> bytes:
        """Run git to its end and return what it printed. Raises the error that its complaint stands for."""
        with (
            tempfile.TemporaryFile(dir=self._scratch) as out,
            tempfile.TemporaryFile(dir=self._scratch) as err,
        ):
            process = self._start(arguments, out, err)
            try:
                process.wait(self._bounds.seconds)
            except subprocess.TimeoutExpired:
                raise self._slow() from None
            finally:
                _end(process)
            if process.returncode != 0:
                err.seek(0)
                raise _failure(
                    self._target.host, process.returncode, err.read(_PIECE).decode("utf-8", "replace")
                )
            out.seek(0)
            return out.read()

    def blobs(self, treeish: str, subfolder: str) -> list[tuple[str, str, str]]:
        """(name, mode, object) of each file of a tree. Raises Unprocessable for links and submodules."""
        try:
            listed = self.run("ls-tree", "-r", "-z", "--full-tree", treeish)
        except PortalError as error:
            if not subfolder:
                raise
            raise Unprocessable(
                "git.subfolder_unknown", _("The commit has no folder “%(name)s”.") % {"name": subfolder}
            ) from error
        found = []
        for entry in listed.decode("utf-8", "surrogateescape").split("\0")[:-1]:
            facts, _tab, name = entry.partition("\t")
            mode, kind, digest = facts.split(" ")
            if kind != "blob" or mode == "120000":
                what = _("a link") if kind == "blob" else _("a submodule")
                raise Unprocessable(
                    "git.tree_unsafe",
                    _("“%(name)s” is %(what)s; a training project holds files and folders only.")
                    % {"name": name.encode("utf-8", "replace").decode()[:200], "what": what},
                )
            found.append((name, mode, digest))
        return found

    def contents(
        self, blobs: list[tuple[str, str, str]]
    ) -> Iterator[tuple[tuple[str, str], Iterator[bytes]]]:
        """Each file's name and mode with its content in pieces, which must be read before the next file
        is asked for.
        """
        with (
            tempfile.TemporaryFile(dir=self._scratch) as err,
            tempfile.TemporaryFile(dir=self._scratch) as wanted,
        ):
            wanted.write("".join(f"{digest}\n" for _name, _mode, digest in blobs).encode())
            wanted.seek(0)
            process = self._start(("cat-file", "--batch", "--buffer"), subprocess.PIPE, err, wanted)
            assert process.stdout is not None
            try:
                for name, mode, digest in blobs:
                    header = process.stdout.readline().split()
                    if len(header) != 3 or header[0] != digest.encode():
                        raise _failure(self._target.host, process.poll() or 1, "object missing")
                    yield (name, mode), self._content(process.stdout, int(header[2]))
                    process.stdout.read(1)
            finally:
                _end(process)
                process.stdout.close()

    def _content(self, stream: IO[bytes], size: int) -> Iterator[bytes]:
        while size:
            piece = stream.read(min(size, _PIECE))
            if not piece:
                raise _failure(self._target.host, 1, "object cut short")
            size -= len(piece)
            yield piece

    def _start(
        self,
        arguments: tuple[str, ...],
        out: IO[bytes] | int,
        err: IO[bytes],
        given: IO[bytes] | int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*arguments),
            stdin=given,
            stdout=out,
            stderr=err,
            env=self._environment,
            cwd=self._scratch,
            start_new_session=True,
        )

    def _slow(self) -> Unavailable:
        return Unavailable(
            "git.timeout",
            _("The repository on %(host)s was not done after %(seconds)d seconds.")
            % {"host": self._target.host, "seconds": self._bounds.seconds},
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End git and every helper that it started, unless it has ended by itself."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _failure(host: str, status: int, complaint: str) -> PortalError:
    """Turn git's complaint into a sentence of ours: git's own may hold addresses."""
    for pattern, code, sentence in (
        (
            r"not our ref|couldn't find remote ref|no such remote ref|unadvertised object",
            "git.commit_unknown",
            _("The repository on %(host)s does not have this commit, or does not give single commits out."),
        ),
        (
            r"could not read Username|Authentication failed|\b40[13]\b",
            "git.sign_in",
            _("The repository on %(host)s wants a sign-in; only open repositories are fetched."),
        ),
        (
            r"redirect|\b30[1278]\b",
            "git.redirect",
            _("The repository on %(host)s redirects elsewhere. Give its final address."),
        ),
        (
            r"not found|\b404\b|not valid: is this a git repository",
            "git.repository_unknown",
            _("There is no git repository at this address on %(host)s."),
        ),
        (
            r"file too large|write error|out of memory|mmap failed|failed to allocate|died of signal",
            "git.too_large",
            _("The repository on %(host)s is larger than this portal fetches."),
        ),
        (
            r"fsck|missing|cut short|bad object",
            "git.damaged",
            _("What the repository on %(host)s sent is damaged."),
        ),
    ):
        if re.search(pattern, complaint, re.IGNORECASE):
            return Unprocessable(code, sentence % {"host": host})
    if status in (-signal.SIGXFSZ, 128 + signal.SIGXFSZ):
        return Unprocessable(
            "git.too_large",
            _("The repository on %(host)s is larger than this portal fetches.") % {"host": host},
        )
    return Unavailable("git.unreachable", _("The repository on %(host)s could not be read.") % {"host": host})
