"""Archives that lie, climb, link, bomb and break; and honest ones."""

import gzip
import io
import os
import stat
import struct
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.errors import Unprocessable
from registry.archives import Limits, extract, extract_folder

PROJECT = {
    "MLproject": b"name: wafer-yield\n",
    "src/train.py": b"print('hello')\n" * 1000,
    "데이터/웨이퍼.csv": b"x,y\n",
    "empty.txt": b"",
}


def make_zip(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream


def make_tar(files: dict[str, bytes], *, form: int = tarfile.PAX_FORMAT) -> io.BytesIO:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream


def make_targz(files: dict[str, bytes]) -> io.BytesIO:
    return io.BytesIO(gzip.compress(make_tar(files).getvalue()))


MAKERS: list[Callable[[dict[str, bytes]], io.BytesIO]] = [make_zip, make_tar, make_targz]
every_format = pytest.mark.parametrize("make", MAKERS, ids=["zip", "tar", "tar.gz"])


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def refuses(
    archive: io.BytesIO, tmp_path: Path, reason: str, entry: str = "", limits: Limits | None = None
) -> None:
    """The archive is refused for `reason`, naming `entry`, and nothing of it is left."""
    destination = tmp_path / "project"
    with pytest.raises(Unprocessable) as caught:
        extract(archive, destination, limits)
    assert caught.value.code == f"archive.{reason}", caught.value
    assert entry in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@every_format
def test_an_honest_project_comes_out_whole(
    make: Callable[[dict[str, bytes]], io.BytesIO], tmp_path: Path
) -> None:
    destination = tmp_path / "project"
    extracted = extract(make(PROJECT), destination)
    assert tree(destination) == PROJECT
    assert [path.as_posix() for path in extracted.files] == list(PROJECT)
    assert extracted.size == sum(map(len, PROJECT.values()))
    for path in destination.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert [path.name for path in tmp_path.iterdir()] == ["project"]


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_long_names_and_every_form_of_tar(form: int, tmp_path: Path) -> None:
    files = {"a/" * 10 + "b" * 95: b"x" * 511, "c/d": b"y" * 512, "c/e": b"z" * 513}
    extract(make_tar(files, form=form), tmp_path / "project")
    assert tree(tmp_path / "project") == files


def test_what_tar_and_zip_programs_write(tmp_path: Path) -> None:
    """The commands themselves, with folders, `./` in front, and an executable."""
    source = tmp_path / "source"
    (source / "bin").mkdir(parents=True)
    (source / "bin" / "run.sh").write_text("#!/bin/sh\n")
    (source / "bin" / "run.sh").chmod(0o755)
    (source / "MLproject").write_text("name: x\n")
    assert os.system(f"tar -C {source} -czf {tmp_path}/a.tgz .") == 0
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in sorted(source.rglob("*")):
            archive.write(path, path.relative_to(source))
    for name in ("a.tgz", "a.zip"):
        destination = tmp_path / f"out-{name}"
        with open(tmp_path / name, "rb") as file:
            extract(file, destination)
        assert set(tree(destination)) == {"bin/run.sh", "MLproject"}
        assert os.access(destination / "bin" / "run.sh", os.X_OK)
        assert not os.access(destination / "MLproject", os.X_OK) or os.geteuid() == 0


@every_format
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("/etc/passwd", "absolute"),
        ("//etc/passwd", "absolute"),
        ("C:/windows/x", "absolute"),
        ("c:x", "absolute"),
        ("../x", "climbs"),
        ("a/../../x", "climbs"),
        ("a/..", "climbs"),
        ("..", "climbs"),
        ("a\\..\\x", "name"),
        ("a\nb", "name"),
        ("a\x1b[2Jb", "name"),
        ("x" * 256, "name"),
        ("a/" * 33 + "x", "name"),
    ],
)
def test_names_that_climb_or_cheat(
    make: Callable[[dict[str, bytes]], io.BytesIO], name: str, reason: str, tmp_path: Path
) -> None:
    refuses(
        make({"MLproject": b"x", name: b"evil"}),
        tmp_path,
        reason,
        entry=name[:20].split("\n", maxsplit=1)[0].split("\x1b", maxsplit=1)[0],
    )


@every_format
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a", "a"),
        ("a", "./a"),
        ("a/b", "a//b"),
        ("README", "readme"),
        ("src/a", "SRC/b"),
        ("straße", "STRASSE"),
        ("웨이퍼", "\u110b\u1170\u110b\u1175\u1111\u1165"),
        ("file", "ﬁle"),
        ("a", "a/b"),
        ("a/b", "a"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_names_for_one_thing(
    make: Callable[[dict[str, bytes]], io.BytesIO], first: str, second: str, tmp_path: Path
) -> None:
    files = {first: b"1"}
    archive = make(files | {second: b"2"}) if first != second else _twice(make, first)
    refuses(archive, tmp_path, "duplicate", entry=second)


def _twice(make: Callable[[dict[str, bytes]], io.BytesIO], name: str) -> io.BytesIO:
    stream = io.BytesIO()
    if make is make_zip:
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr(name, b"1")
            archive.writestr(name, b"2")
        return stream
    with tarfile.open(fileobj=stream, mode="w:gz" if make is make_targz else "w") as tar:
        tar.addfile(tarfile.TarInfo(name))
        tar.addfile(tarfile.TarInfo(name))
    return stream


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.FIFOTYPE,
        tarfile.GNUTYPE_SPARSE,
        b"Z",
    ],
)
def test_tar_links_devices_and_sparse_files(kind: bytes, tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
        member = tarfile.TarInfo("innocent")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
        archive.addfile(tarfile.TarInfo("innocent/x"))
    refuses(stream, tmp_path, "kind", entry="innocent")


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_zip_links_and_devices(mode: int, tmp_path: Path) -> None:
    info = zipfile.ZipInfo("innocent")
    info.external_attr = (mode | 0o777) << 16
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    refuses(stream, tmp_path, "kind", entry="innocent")


def test_a_zip_name_that_ends_early(tmp_path: Path) -> None:
    data = make_zip({"innocentXevil": b"x"}, zipfile.ZIP_STORED).getvalue()
    refuses(io.BytesIO(data.replace(b"innocentXevil", b"innocent\0evil")), tmp_path, "name", entry="innocent")


def test_an_encrypted_entry(tmp_path: Path) -> None:
    data = bytearray(make_zip({"secret.txt": b"x"}).getvalue())
    directory = data.index(b"PK\x01\x02")
    data[directory + 8] |= 1
    data[6] |= 1
    refuses(io.BytesIO(bytes(data)), tmp_path, "encrypted", entry="secret.txt")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions(method: int, tmp_path: Path) -> None:
    refuses(make_zip({"a": b"x" * 100}, method), tmp_path, "method", entry="a")


@every_format
def test_too_many_entries(make: Callable[[dict[str, bytes]], io.BytesIO], tmp_path: Path) -> None:
    files = {f"f{number}": b"" for number in range(101)}
    refuses(make(files), tmp_path, "entries", entry="f100", limits=Limits(entries=100))
    files.popitem()
    assert len(extract(make(files), tmp_path / "project", Limits(entries=100)).files) == 100


@every_format
def test_too_much_content(make: Callable[[dict[str, bytes]], io.BytesIO], tmp_path: Path) -> None:
    files = {"a": os.urandom(600), "b": os.urandom(600)}
    refuses(make(files), tmp_path, "too_large", entry="b", limits=Limits(total=1199))
    extract(make(files), tmp_path / "project", Limits(total=1200))


@pytest.mark.parametrize("make", [make_zip, make_targz], ids=["zip", "tar.gz"])
def test_a_bomb(make: Callable[[dict[str, bytes]], io.BytesIO], tmp_path: Path) -> None:
    bomb = make({"zeros": bytes(30 << 20)})
    assert len(bomb.getvalue()) < 40_000
    tracemalloc.start()
    refuses(bomb, tmp_path, "ratio", entry="zeros")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 << 20


def test_a_bomb_whose_headers_understate_it(tmp_path: Path) -> None:
    """The directory says 10 bytes, the content is 30 MB: it is counted as it comes, or found damaged."""
    data = bytearray(make_zip({"zeros": bytes(30 << 20)}).getvalue())
    directory = data.index(b"PK\x01\x02")
    for offset in (22, directory + 24):
        struct.pack_into("<I", data, offset, 10)
    refuses(io.BytesIO(bytes(data)), tmp_path, "damaged", entry="zeros")


def test_entries_that_share_their_bytes(tmp_path: Path) -> None:
    """Many directory records that point at one compressed kernel: the total counts what comes out."""
    data = make_zip({"kernel": bytes(4 << 20)}).getvalue()
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    record = data[start:end]
    directory = b"".join(record for _ in range(50))
    tail = bytearray(data[end:])
    struct.pack_into("<HHI", tail, 8, 50, 50, len(directory))
    refuses(io.BytesIO(data[:start] + directory + bytes(tail)), tmp_path, "duplicate", entry="kernel")


def test_a_zip_that_lists_a_million_entries_is_refused_before_it_is_read(tmp_path: Path) -> None:
    record = make_zip({"a": b""}).getvalue()
    start, end = record.index(b"PK\x01\x02"), record.index(b"PK\x05\x06")
    count = 1_000_000
    directory = record[start:end] * count
    tail = bytearray(record[end:])
    struct.pack_into("<HHI", tail, 8, 1, 1, len(directory))  # it claims one
    archive = io.BytesIO(record[:start] + directory + bytes(tail))
    tracemalloc.start()
    refuses(archive, tmp_path, "entries")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_a_tar_header_that_would_fill_the_memory(kind: bytes, tmp_path: Path) -> None:
    member = tarfile.TarInfo("x")
    member.type, member.size = kind, 1 << 30
    header = member.tobuf(tarfile.GNU_FORMAT)
    archive = io.BytesIO(
        gzip.compress(make_tar({"first": b"1"}).getvalue()[:1024] + header + bytes(40 << 20))
    )
    tracemalloc.start()
    refuses(archive, tmp_path, "headers")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 << 20


def test_a_tar_header_that_would_take_all_day(tmp_path: Path) -> None:
    body = b"9" * 60_000
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.XHDTYPE, len(body)
    archive = io.BytesIO(
        member.tobuf(tarfile.USTAR_FORMAT) + body + bytes(512 - len(body) % 512) + bytes(1024)
    )
    started = time.monotonic()
    refuses(archive, tmp_path, "headers")
    assert time.monotonic() - started < 1


def test_a_tar_whose_sizes_are_negative(tmp_path: Path) -> None:
    header = bytearray(tarfile.TarInfo("x").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 10 + b"\xf0\x00"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    refuses(io.BytesIO(bytes(header) * 3 + bytes(1024)), tmp_path, "damaged", entry="x")


@every_format
def test_cut_anywhere_nothing_is_left(make: Callable[[dict[str, bytes]], io.BytesIO], tmp_path: Path) -> None:
    data = make({"a": os.urandom(700), "b": os.urandom(700)}).getvalue()
    # A tar's end is the first block of zeros; what follows is padding.
    whole = data.index(bytes(1024), 3 * 512) // 512 * 512 + 512 if make is make_tar else len(data)
    for length in range(600, whole, 61):
        with pytest.raises(Unprocessable) as caught:
            extract(io.BytesIO(data[:length]), tmp_path / "project")
        assert caught.value.code == "archive.damaged"
        assert list(tmp_path.iterdir()) == []


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(make=st.sampled_from(MAKERS), data=st.data())
def test_whatever_is_changed_it_comes_out_or_is_refused(
    make: Callable[[dict[str, bytes]], io.BytesIO], tmp_path: Path, data: st.DataObject
) -> None:
    """Never another exception, never a file outside, never half a folder."""
    changed = bytearray(make({"a/b": b"hello" * 50, "c": b""}).getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    with _empty(tmp_path / "here") as folder:
        try:
            extract(io.BytesIO(bytes(changed)), folder / "project")
        except Unprocessable:
            assert list(folder.iterdir()) == []
        else:
            assert [path.name for path in folder.iterdir()] == ["project"]
    assert list(tmp_path.iterdir()) == []


class _empty:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Path:
        self.folder.mkdir()
        return self.folder

    def __exit__(self, *_: object) -> None:
        import shutil

        shutil.rmtree(self.folder)


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"hello" * 200, b"\x7fELF" + bytes(600), b"Rar!\x1a\x07" + bytes(600)]
)
def test_what_is_no_archive(data: bytes, tmp_path: Path) -> None:
    refuses(io.BytesIO(data), tmp_path, "unknown")


def test_an_uploaded_folder_keeps_the_same_rules(tmp_path: Path) -> None:
    extracted = extract_folder([("p/a", [b"1", b"2"]), ("p/b/c", [])], tmp_path / "project")
    assert tree(tmp_path / "project") == {"p/a": b"12", "p/b/c": b""}
    assert extracted.size == 2
    for name in ("../x", "/x", "p/A/../..", ""):
        with pytest.raises(Unprocessable):
            extract_folder([("p/a", [b"1"]), (name, [b"2"])], tmp_path / "other")
    with pytest.raises(Unprocessable, match="larger"):
        extract_folder([("a", [b"x" * 60, b"x" * 60])], tmp_path / "other", Limits(total=100))
    assert [path.name for path in tmp_path.iterdir()] == ["project"]


def test_an_existing_project_is_not_overwritten(tmp_path: Path) -> None:
    extract(make_zip(PROJECT), tmp_path / "project")
    with pytest.raises(OSError, match="not empty"):
        extract(make_zip({"other": b"x"}), tmp_path / "project")
    assert tree(tmp_path / "project") == PROJECT
