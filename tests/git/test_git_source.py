"""Fetching a pinned commit from a real git server, and everything that a hostile repository may try."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from accounts.errors import NotFound, PortalError, Unavailable, Unprocessable
from accounts.outbound import ResolvedTarget
from registry.archives import Limits
from registry.git_process import Bounds, LockedGit
from registry.git_source import fetch_commit, resolve_ref
from tests.git.server import git, serving


@dataclass
class Repository:
    work: Path
    url: str
    base: str
    seen: list[str]

    def commit(self, message: str = "change") -> str:
        git(self.work, "add", "--all", "--force")
        git(self.work, "commit", "--quiet", "--allow-empty", "-m", message)
        return git(self.work, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path, settings: Settings) -> Iterator[Repository]:
    settings.OUTBOUND_ALLOW = ["127.0.0.1/32"]
    work = tmp_path / "served" / "project"
    work.mkdir(parents=True)
    git(work, "init", "--quiet", "--initial-branch=main")
    (work / "MLproject").write_text("name: p\n")
    (work / "sub folder").mkdir()
    (work / "sub folder" / "train.py").write_text("print(1)\n")
    (work / "run.sh").write_text("#!/bin/sh\n")
    (work / "run.sh").chmod(0o755)
    with serving(tmp_path / "served") as (base, seen):
        yield Repository(work, f"{base}/project/.git", base, seen)


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "fetched"


def code_of(url: str, commit: str, into: Path, **options: object) -> str:
    with pytest.raises(PortalError) as refusal:
        fetch_commit(url, commit, into, **options)  # type: ignore[arg-type]
    assert not into.exists(), "nothing half-made is left"
    assert [path for path in into.parent.iterdir() if path.name.startswith(".")] == []
    return refusal.value.code


def test_the_files_of_the_pinned_commit_arrive_without_git(repository: Repository, into: Path) -> None:
    pinned = repository.commit()
    (repository.work / "MLproject").write_text("name: later\n")
    repository.commit()
    found = fetch_commit(repository.url, pinned, into)
    assert sorted(map(str, found.files)) == ["MLproject", "run.sh", "sub folder/train.py"]
    assert (into / "MLproject").read_text() == "name: p\n"
    assert (into / "run.sh").stat().st_mode & 0o100
    assert not (into / ".git").exists()


def test_a_folder_of_the_commit_can_be_the_project(repository: Repository, into: Path) -> None:
    pinned = repository.commit()
    fetch_commit(repository.url, pinned, into, subfolder="sub folder")
    assert [path.name for path in into.iterdir()] == ["train.py"]


@pytest.mark.parametrize("subfolder", ["../x", "/etc", "-x", "a//b", "a/../b", "a:b", "absent"])
def test_other_folders_are_refused(repository: Repository, into: Path, subfolder: str) -> None:
    pinned = repository.commit()
    assert code_of(repository.url, pinned, into, subfolder=subfolder).startswith("git.subfolder_")


def test_branches_and_tags_resolve_to_their_commit(repository: Repository) -> None:
    first = repository.commit()
    git(repository.work, "tag", "-a", "v1", "-m", "annotated")
    git(repository.work, "branch", "feature/main")
    second = repository.commit()
    git(repository.work, "tag", "both", first)
    git(repository.work, "branch", "both", second)
    assert resolve_ref(repository.url, "main") == second
    assert resolve_ref(repository.url, "HEAD") == second
    assert resolve_ref(repository.url, "v1") == first, "the commit, not the tag object"
    assert resolve_ref(repository.url, "feature/main") == first
    assert resolve_ref(repository.url, "refs/tags/both") == first
    assert resolve_ref(repository.url, first.upper()) == first
    with pytest.raises(Unprocessable, match="both a branch and a tag"):
        resolve_ref(repository.url, "both")
    with pytest.raises(NotFound):
        resolve_ref(repository.url, "absent")


@pytest.mark.parametrize("ref", ["", "--upload-pack=id", "a..b", "a b", "ma*", "x@{1}", "refs/heads/x.lock"])
def test_what_is_no_ref_is_refused_without_a_call(repository: Repository, ref: str) -> None:
    with pytest.raises(Unprocessable, match="not the name"):
        resolve_ref(repository.url, ref)
    assert repository.seen == []


@pytest.mark.parametrize(
    "commit", ["main", "abc", "", "-" * 40, "A" * 40, "0" * 39, "0" * 41, "0" * 40 + "\n"]
)
def test_only_a_full_commit_is_a_pin(repository: Repository, into: Path, commit: str) -> None:
    assert code_of(repository.url, commit, into) == "git.commit_invalid"
    assert repository.seen == []


def test_a_commit_that_is_not_there(repository: Repository, into: Path) -> None:
    repository.commit()
    assert code_of(repository.url, "1" * 40, into) == "git.commit_unknown"


def test_a_blob_is_no_commit(repository: Repository, into: Path) -> None:
    repository.commit()
    blob = git(repository.work, "rev-parse", "HEAD:MLproject")
    assert code_of(repository.url, blob, into) in {"git.commit_unknown", "git.commit_invalid"}


def test_no_repository_no_password_no_redirect(repository: Repository, into: Path) -> None:
    pinned = repository.commit()
    assert code_of(f"{repository.base}/absent/.git", pinned, into) == "git.repository_unknown"
    assert code_of(f"{repository.base}/private/.git", pinned, into) == "git.sign_in"
    assert code_of(f"{repository.base}/moved/project/.git", pinned, into) == "git.redirect"


def test_a_server_that_does_not_answer_is_given_up(repository: Repository, into: Path) -> None:
    with pytest.raises(Unavailable) as refusal:
        fetch_commit(f"{repository.base}/slow/.git", "1" * 40, into, bounds=Bounds(seconds=1))
    assert refusal.value.code == "git.timeout"


def test_a_closed_port_is_unavailable(repository: Repository, into: Path) -> None:
    assert code_of("http://127.0.0.1:9/x.git", "1" * 40, into) == "git.unreachable"


def test_links_and_submodules_are_refused(repository: Repository, into: Path) -> None:
    (repository.work / "link").symlink_to("/etc/passwd")
    assert code_of(repository.url, repository.commit(), into) == "git.tree_unsafe"
    (repository.work / "link").unlink()
    git(repository.work, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module")
    git(repository.work, "commit", "--quiet", "-m", "module")
    assert code_of(repository.url, git(repository.work, "rev-parse", "HEAD"), into) == "git.tree_unsafe"


def test_filters_and_attributes_of_the_repository_change_nothing(repository: Repository, into: Path) -> None:
    text = "$Id$ version https://git-lfs.github.com/spec/v1\n"
    (repository.work / ".gitattributes").write_text("*.txt ident filter=lfs export-ignore export-subst\n")
    (repository.work / "a.txt").write_text(text)
    fetch_commit(repository.url, repository.commit(), into)
    assert (into / "a.txt").read_text() == text


def test_bounds_on_size_and_number(repository: Repository, into: Path) -> None:
    with (repository.work / "zeros").open("wb") as file:
        file.truncate(40 << 20)  # 40 MB that compress to 40 kB
    pinned = repository.commit()
    bounds = Bounds(content=Limits(total=8 << 20))
    assert code_of(repository.url, pinned, into, bounds=bounds) == "archive.too_large"
    assert code_of(repository.url, pinned, into, bounds=Bounds(content=Limits(entries=2))).startswith(
        "archive."
    )


def test_a_pack_beyond_the_bound_is_stopped_while_it_arrives(repository: Repository, into: Path) -> None:
    (repository.work / "noise").write_bytes(os.urandom(6 << 20))
    assert code_of(repository.url, repository.commit(), into, bounds=Bounds(file=1 << 20)) == "git.too_large"


def test_internal_addresses_are_not_called(repository: Repository, into: Path, settings: Settings) -> None:
    pinned = repository.commit()
    settings.OUTBOUND_ALLOW = []
    assert code_of(repository.url.replace("http:", "https:"), pinned, into) == "outbound.refused"
    assert repository.seen == []


@pytest.mark.parametrize(
    "url",
    ["file:///etc", "ext::sh -c id", "ssh://127.0.0.1/x", "-oProxyCommand=id", "/etc", "git://127.0.0.1/x"],
)
def test_other_transports_are_refused(repository: Repository, into: Path, url: str) -> None:
    assert code_of(url, "1" * 40, into) == "outbound.url_invalid"


def test_git_settings_of_this_machine_play_no_part(
    repository: Repository, into: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A person's file and the process's own variables both rewrite the address: neither is heeded."""
    pinned = repository.commit()
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text('[url "http://127.0.0.1:9/"]\n\tinsteadOf = http://\n')
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "url.http://127.0.0.1:9/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "http://")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    fetch_commit(repository.url, pinned, into)
    assert (into / "MLproject").is_file()


def test_git_connects_to_the_pinned_address_and_resolves_nothing(
    repository: Repository, tmp_path: Path
) -> None:
    """A name that no resolver knows works through its pin alone: what it resolves to later plays no part."""
    pinned = repository.commit()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    port = int(repository.base.rpartition(":")[2])
    url = f"http://repository.invalid:{port}/project/.git"
    target = ResolvedTarget(url, "http", "repository.invalid", port, ("127.0.0.1",))
    listed = LockedGit(scratch, target, Bounds()).run("ls-remote", url, "HEAD")
    assert listed.decode().startswith(pinned)
