"""Reading one wafer: where the file comes from, what its columns mean, and what must hold before training."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

POSITION = ["MAP_ROW", "MAP_COL", "WIF_ROW", "WIF_COL"]
"""Known before any test: row and column on the wafer, row and column within the shot (WIF: within field)."""

SHOT = ["FF_ROW", "FF_COL"]
MEASUREMENTS = ["MR", "HR", "HDI", "MR2"]
"""The four measured parameters.

They are part of the same test that decides the bin: never inputs (see README).
"""

BIN = "DEFECT"
PASS_BIN = "OK"  # a bin code
COLUMNS = POSITION + SHOT + [BIN] + MEASUREMENTS

PACKAGED = "wfmap/data/wfdata.csv"
PINNED_WHEEL = Path(__file__).with_name("data-requirements.txt")


class DataProblem(Exception):
    """The data cannot be used; the message says what is wrong with which file."""


@dataclass(frozen=True)
class Wafer:
    """One row per die, in file order; `fails` is True where the bin is anything but OK."""

    dies: pd.DataFrame
    source: str
    sha256: str

    @property
    def fails(self) -> pd.Series:
        return self.dies[BIN] != PASS_BIN


def read_wafer(data: str) -> Wafer:
    """Read `data`: a CSV file (also .gz), or a folder that holds exactly one; an empty folder means the
    packaged wafer.

    Raises DataProblem when there is no such file, or when it is not one wafer of dies.
    """
    path = Path(data).expanduser()
    if not path.exists():
        raise DataProblem(f"There is no file or folder {data!r}.")
    if path.is_file():
        return _load(path, source=path.name)
    candidates = sorted(p for pattern in ("*.csv", "*.csv.gz") for p in path.glob(pattern))
    if len(candidates) > 1:
        names = ", ".join(p.name for p in candidates)
        raise DataProblem(f"Folder {data!r} holds more than one table ({names}). Give the path of one.")
    if candidates:
        return _load(candidates[0], source=candidates[0].name)
    with tempfile.TemporaryDirectory() as scratch:
        return _load(packaged_wafer(Path(scratch)), source="wfmap==1.0.3:" + PACKAGED)


def packaged_wafer(folder: Path) -> Path:
    """Return the wafer inside the `wfmap` package.

    From the installed one, else from its hash-pinned wheel put into `folder`.
    """
    spec = importlib.util.find_spec("wfmap")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent / "data" / "wfdata.csv"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--require-hashes", "-r", str(PINNED_WHEEL), "-d", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise DataProblem(
            f"No data was given, and the wfmap wheel could not be had ({reason}). Give --data a CSV file."
        )
    wheel = next(folder.glob("wfmap-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(PACKAGED, folder))


def _load(path: Path, source: str) -> Wafer:
    try:
        dies = pd.read_csv(path, encoding="utf-8-sig")  # the packaged file starts with a byte order mark
    except (ValueError, OSError) as error:
        raise DataProblem(f"{source} is not a readable CSV file: {error}") from error
    missing = [name for name in COLUMNS if name not in dies.columns]
    if missing:
        raise DataProblem(
            f"{source} lacks the column(s) {', '.join(missing)}; it has {', '.join(map(str, dies.columns))}."
        )
    for name in POSITION + SHOT:
        if not pd.api.types.is_integer_dtype(dies[name]):
            raise DataProblem(
                f"{source}: column {name} must be whole numbers without gaps, it is {dies[name].dtype}."
            )
    doubled = int(dies.duplicated(["MAP_ROW", "MAP_COL"]).sum())
    if doubled:
        raise DataProblem(f"{source}: {doubled} die(s) share a position with another: this is not one wafer.")
    if dies[BIN].isna().any():
        raise DataProblem(f"{source}: {int(dies[BIN].isna().sum())} die(s) have no bin in column {BIN}.")
    fails = dies[BIN] != PASS_BIN
    if fails.all() or not fails.any():
        raise DataProblem(
            f"{source}: every die {'fails' if fails.all() else 'passes'}: there is nothing to learn."
        )
    return Wafer(dies[COLUMNS], source, _sha256(path))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
