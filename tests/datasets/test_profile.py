"""What is learned about tables: from sealed content, in the worker's step, right to the last row."""

import asyncio
import gzip
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pandas as pd
import pytest

from accounts.tenancy import scope
from projects.models import Operation
from registry.models import FileProfile
from tests.datasets.conftest import Tenant, in_thread, make_dataset, put_file

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "wafer-yield"


def _bom_csv(rows: int) -> tuple[bytes, pd.DataFrame]:
    """A wafer of `rows` dies with a byte order mark, holes in one column, and text late in another."""
    frame = pd.DataFrame({"ROW": range(1, rows + 1), "COL": [index % 181 + 1 for index in range(rows)]})
    frame["MR"] = [None if index % 9 == 0 else index / 7 for index in range(rows)]
    frame["DEFECT"] = ["S1" if index == rows - 1 else "0" for index in range(rows)]
    return b"\xef\xbb\xbf" + frame.to_csv(index=False).encode(), frame


async def _profiled(web: httpx.AsyncClient, tenant: Tenant, path: str, content: bytes) -> httpx.Response:
    dataset = f"{tenant.api}/wafers"
    if (await web.get(dataset, headers=tenant.viewer.headers)).status_code == 404:
        await make_dataset(web, tenant)
    made = await put_file(web, tenant, dataset, path, content)
    assert made.status_code == 201, made.text
    await in_thread(tenant.run_operations)
    return await web.get(
        f"{dataset}/versions/{made.json()['number']}/preview", headers=tenant.scientist.headers
    )


async def test_a_wafer_of_76289_rows_with_a_byte_order_mark(tenant: Tenant, web: httpx.AsyncClient) -> None:
    content, frame = _bom_csv(76_289)
    seen = (await _profiled(web, tenant, "wfdata.csv", content)).json()
    assert seen["rows"] == 76_289
    assert [column["name"] for column in seen["columns"]] == ["ROW", "COL", "MR", "DEFECT"], (
        "no mark in the name"
    )
    row, col, mr, defect = seen["columns"]
    assert (row["type"], row["min"], row["max"], row["missing"]) == ("integer", 1, 76_289, 0)
    assert (col["min"], col["max"]) == (1, 181)
    assert (mr["type"], mr["missing"]) == ("number", int(frame["MR"].isna().sum()))
    assert mr["max"] == pytest.approx(frame["MR"].max())
    assert (defect["type"], defect["min"], defect["max"]) == ("text", "0", "S1"), "the last row counts too"
    assert len(seen["sample"]) == 100
    assert seen["sample"][0] == ["1", "1", None, "0"]
    version = (await web.get(f"{tenant.api}/wafers/versions/1", headers=tenant.viewer.headers)).json()
    assert (version["rows"], version["columns"]) == (76_289, 4)
    (event,) = await in_thread(tenant.events, "dataset.preview")
    assert (event.on_behalf_of, event.detail) == ("sam", {"path": "wfdata.csv"})


def _wfmap_wheel(folder: Path) -> Path:
    """The package's wheel, pinned by its hash, from the package index or pip's cache."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--require-hashes", "-r", str(EXAMPLE / "data-requirements.txt"), "-d", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"the wfmap wheel cannot be had here: {done.stderr.strip().splitlines()[-1]}")
    return next(folder.glob("wfmap-*.whl"))


async def test_the_real_wafer_of_the_wfmap_package(
    tenant: Tenant, web: httpx.AsyncClient, tmp_path: Path
) -> None:
    """The same, with the data that the example trains on, against what pandas makes of it."""
    wheel = await asyncio.to_thread(_wfmap_wheel, tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        content = archive.read("wfmap/data/wfdata.csv")
    frame = pd.read_csv(io.BytesIO(content))
    seen = (await _profiled(web, tenant, "wfdata.csv", content)).json()
    assert seen["rows"] == len(frame) == 76_289
    for column in seen["columns"]:
        values = frame[column["name"]]
        assert column["missing"] == int(values.isna().sum())
        assert column["min"] == pytest.approx(values.min())
        assert column["max"] == pytest.approx(values.max())


@pytest.mark.parametrize(
    ("path", "content", "names", "rows"),
    [
        ("a.csv", b"a;b\n1;2,5\n3;4\n", ["a", "b"], 2),
        ("a.csv", b"a\tb\n1\t2\n", ["a", "b"], 1),
        ("a.tsv", b"a\tb,c\n1\t2\n", ["a", "b,c"], 1),
        ("a.csv", b"only\n1\n2\n", ["only"], 2),
        ("a.csv", "이름,값\n가,1\n".encode("cp949"), ["이름", "값"], 1),
        ("a.csv", "이름,값\n가,1\n".encode("utf-16"), ["이름", "값"], 1),
        ("a.csv.gz", gzip.compress(b'a,b\n"x, y\nz",2\n'), ["a", "b"], 1),
    ],
)
async def test_how_people_write_tables(
    tenant: Tenant, web: httpx.AsyncClient, path: str, content: bytes, names: list[str], rows: int
) -> None:
    seen = await _profiled(web, tenant, path, content)
    assert seen.status_code == 200, seen.text
    assert [column["name"] for column in seen.json()["columns"]] == names
    assert seen.json()["rows"] == rows


async def test_parquet_with_the_types_of_the_file(tenant: Tenant, web: httpx.AsyncClient) -> None:
    frame = pd.DataFrame(
        {
            "n": [1, 2, 3],
            "x": [0.5, None, float("inf")],
            "t": pd.to_datetime(["2026-01-01", "2026-01-02", None]),
            "s": pd.Categorical(["a", "b", "a"]),
            "l": [[1], [2, 3], None],
            "b": [True, False, None],
        }
    )
    stored = io.BytesIO()
    frame.to_parquet(stored)
    seen = (await _profiled(web, tenant, "a.parquet", stored.getvalue())).json()
    assert seen["rows"] == 3
    columns = {column["name"]: column for column in seen["columns"]}
    assert {name: column["type"] for name, column in columns.items() if name != "l"} == {
        "n": "integer",
        "x": "number",
        "t": "timestamp",
        "s": "text",
        "b": "boolean",
    }
    assert (columns["n"]["min"], columns["n"]["max"]) == (1, 3)
    assert columns["t"]["max"].startswith("2026-01-02")
    assert {name: column["missing"] for name, column in columns.items()} == {
        "n": 0,
        "x": 1,
        "t": 1,
        "s": 0,
        "l": 1,
        "b": 1,
    }


@pytest.mark.parametrize(
    ("path", "content", "says"),
    [
        ("a.csv", b"a,b\n1,2\n3\n", "Row 3 has 1 columns where the header has 2."),
        ("a.csv", b"", "empty"),
        ("a.csv", b"\xff\xff,\x80\n\xff\n", "not UTF-8"),
        ("a.csv.gz", b"plain", "not whole gzip"),
        ("a.csv.gz", gzip.compress(b"a,b\n1,2\n" * 9000)[:-9], "not whole gzip"),
        ("a.parquet", b"PAR1 but no", "not a whole Parquet"),
        ("a.csv", b"a,b\n" + b"x" * (9 << 20) + b",1\n", "longer than 4 MiB"),
    ],
)
async def test_broken_tables_say_why_and_the_data_stays(
    tenant: Tenant, web: httpx.AsyncClient, path: str, content: bytes, says: str
) -> None:
    seen = await _profiled(web, tenant, path, content)
    assert (seen.status_code, seen.json()["code"]) == (422, "dataset.not_readable")
    assert says in seen.json()["detail"]

    def ended() -> tuple[str, str]:
        with scope(tenant.account_id):
            operation = Operation.objects.get(kind="dataset.profile")
            return operation.state, operation.error

    state, error = await in_thread(ended)
    assert state == "failed"
    assert says in error
    kept = await web.get(f"{tenant.api}/wafers/versions/1/files/{path}", headers=tenant.scientist.headers)
    assert kept.content == content


async def test_what_is_no_table_says_so(tenant: Tenant, web: httpx.AsyncClient) -> None:
    seen = await _profiled(web, tenant, "photo.png", b"\x89PNG")
    assert (seen.status_code, seen.json()["code"]) == (422, "dataset.not_tabular")

    def operations() -> int:
        with scope(tenant.account_id):
            return Operation.objects.count()

    assert await in_thread(operations) == 0


async def test_no_value_of_the_data_is_stored_in_clear(tenant: Tenant, web: httpx.AsyncClient) -> None:
    secret = "lot-4711-secret"
    await _profiled(web, tenant, "a.csv", f"lot,{secret}\n{secret},1\n".encode())

    def dump() -> str:
        from django.db import connection

        with scope(tenant.account_id), connection.cursor() as cursor:
            cursor.execute(
                "SELECT f::text FROM registry_fileprofile f UNION ALL SELECT o::text FROM projects_operation o "
                "UNION ALL SELECT e::text FROM accounts_auditevent e"
            )
            return "".join(row[0] for row in cursor.fetchall())

    text = await in_thread(dump)
    assert "a.csv" in text
    assert secret not in text
    assert secret.encode().hex() not in text

    def report() -> bytes:
        with scope(tenant.account_id):
            found: bytes = FileProfile.objects.get().report.reveal()
            return found

    assert secret.encode() in await in_thread(report)
