"""Folders in folders in folders: what a program leaves behind is counted, and goes."""

import os
from pathlib import Path

from clusters.local.limits import LONGEST, folder_bytes
from clusters.local.preparing import remove_tree
from clusters.local.spec import GIB


def dig(top: Path, name: str, count: int) -> None:
    """Make `count` folders, each in the one before, and a file at the bottom."""
    top.mkdir()
    before = os.open(top, os.O_RDONLY)
    for _ in range(count):
        os.mkdir(name, dir_fd=before)
        after = os.open(name, os.O_RDONLY, dir_fd=before)
        os.close(before)
        before = after
    os.close(os.open("data", os.O_WRONLY | os.O_CREAT, dir_fd=before))
    os.close(before)


def test_no_depth_keeps_a_tenants_data(tmp_path: Path) -> None:
    dig(tmp_path / "files", "d", 3000)
    remove_tree(tmp_path / "files")
    assert not (tmp_path / "files").exists()


def test_what_lies_too_deep_to_be_counted_counts_as_too_much(tmp_path: Path) -> None:
    dig(tmp_path / "short", "d", 100)
    assert folder_bytes(str(tmp_path / "short")) < GIB
    dig(tmp_path / "deep", "d" * 200, LONGEST // 200 + 1)
    assert folder_bytes(str(tmp_path / "deep")) > 1024 * GIB
    remove_tree(tmp_path / "deep")


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "link").symlink_to(tmp_path / "kept")
    remove_tree(tmp_path / "files")
    remove_tree(tmp_path / "absent")
    assert (tmp_path / "kept" / "file").exists()
    assert not (tmp_path / "files").exists()
