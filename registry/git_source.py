"""Fetching a training project from a git repository at one commit.

Nothing of the repository is run and nothing in it is believed: git works in a bare repository of its own,
without a person's settings, prompts, hooks, filters, submodules or redirects, connects only to the
addresses that the outbound guard resolved, and is stopped at bounds of time, memory and size. Files are
copied out of git's objects by the rules for uploads.
"""

import re
import tempfile
from pathlib import Path

from django.utils.translation import gettext as _

from accounts.errors import NotFound, Unprocessable
from accounts.outbound import ResolvedTarget, check_url
from registry.archives import Extracted
from registry.archives.tree import Tree
from registry.git_process import Bounds, LockedGit

COMMIT = re.compile(r"[0-9a-f]{40}")
_REF = re.compile(r"(?!.*(\.\.|//|@\{|\.lock$))[A-Za-z0-9][A-Za-z0-9._/+-]{0,199}")
_SUBFOLDER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._ -]{0,99}(/[A-Za-z0-9_][A-Za-z0-9._ -]{0,99}){0,9}")


def resolve_ref(url: str, ref: str, bounds: Bounds | None = None) -> str:
    """Return the commit that a branch or tag names now, as 40 hex digits: the pin that a launch records.

    `ref` is a branch, a tag, a full name (`refs/heads/…`), `HEAD`, or a commit, which is returned as it
    is. Raises Unprocessable for a ref that is no name or is both a branch and a tag, NotFound where the
    repository has no such ref, and what `fetch_commit` raises for the repository itself.
    """
    if COMMIT.fullmatch(ref.lower()):
        return ref.lower()
    if not _REF.fullmatch(ref):
        raise Unprocessable(
            "git.ref_invalid", _("“%(ref)s” is not the name of a branch or tag.") % {"ref": ref[:80]}
        )
    target = check_url(url)
    names = [ref] if ref == "HEAD" or ref.startswith("refs/") else [f"refs/heads/{ref}", f"refs/tags/{ref}"]
    with tempfile.TemporaryDirectory(prefix="git-") as scratch:
        git = LockedGit(Path(scratch), target, bounds or Bounds())
        listed = git.run("ls-remote", "--quiet", target.url, *names, *(f"{name}^{{}}" for name in names))
    found: dict[str, str] = {}
    for line in listed.decode("utf-8", "replace").splitlines():
        commit, _tab, name = line.partition("\t")
        if name.removesuffix("^{}") in names and COMMIT.fullmatch(commit):
            peeled = name.endswith("^{}")
            found[name.removesuffix("^{}")] = commit if peeled else found.get(name, commit)
    if not found:
        raise NotFound(
            "git.ref_unknown",
            _("The repository on %(host)s has no branch or tag “%(ref)s”.") % _shown(target, ref),
        )
    if len(found) > 1:
        raise Unprocessable(
            "git.ref_ambiguous",
            _("“%(ref)s” is both a branch and a tag on %(host)s: write refs/heads/… or refs/tags/….")
            % _shown(target, ref),
        )
    return next(iter(found.values()))


def fetch_commit(
    url: str, commit: str, into: Path, *, subfolder: str = "", bounds: Bounds | None = None
) -> Extracted:
    """Put the files of one commit (or of one folder in it) into `into`, which must be missing or empty.

    No `.git` is left there.

    Raises Unprocessable: an address that the guard refuses, a pin that is not 40 hex digits, a repository
    that does not have the commit or wants a sign-in, links or submodules in the tree, unsafe names, more
    than `bounds` allow. Raises Unavailable when the repository does not answer in time. Nothing is left
    in `into` then.
    """
    limits = bounds or Bounds()
    if not COMMIT.fullmatch(commit):
        raise Unprocessable(
            "git.commit_invalid",
            _("A commit is pinned by its full name of 40 hexadecimal digits, in lower case."),
        )
    if subfolder and not _SUBFOLDER.fullmatch(subfolder):
        raise Unprocessable(
            "git.subfolder_invalid", _("“%(name)s” is not a folder's path.") % {"name": subfolder[:80]}
        )
    target = check_url(url)
    with tempfile.TemporaryDirectory(prefix="git-") as scratch:
        git = LockedGit(Path(scratch), target, limits)
        git.run("init", "--quiet", "--bare", str(git.repository))
        options = ("--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
        git.run("fetch", *options, target.url, commit)
        if git.run("cat-file", "-t", commit).strip() != b"commit":
            raise Unprocessable("git.commit_invalid", _("%(commit)s is not a commit.") % {"commit": commit})
        with Tree(into, limits.content) as tree:
            blobs = git.blobs(f"{commit}:{subfolder}", subfolder)
            for (name, mode), content in git.contents(blobs):
                tree.file(name, content, executable=mode == "100755")
            return tree.done()


def _shown(target: ResolvedTarget, ref: str) -> dict[str, str]:
    return {"host": target.host, "ref": ref}
