"""Tables of a few hundred bytes that mean more than there is memory."""

import io

import pyarrow as pa
import pyarrow.parquet as pq

from registry.datasets.profile.parquet import profile_parquet

ROWS = 16_384


def test_a_text_that_is_stored_once_is_held_once() -> None:
    """128 GiB, were every row given its own: no allocator grants that."""
    long = "x" * (8 << 20)
    indices = pa.array([0, None, *[0] * (ROWS - 2)], pa.int32())
    column = pa.DictionaryArray.from_arrays(indices, pa.array([long]))
    file = io.BytesIO()
    pq.write_table(pa.table({"text": column, "number": range(ROWS)}), file, compression="zstd")
    assert file.tell() < 200_000
    file.seek(0)
    report = profile_parquet(file)
    text, number = report.columns
    assert (report.rows, text["type"], text["missing"]) == (ROWS, "text", 1)
    assert text["min"] == text["max"] == f"{'x' * 199}…"
    assert (number["min"], number["max"]) == (0, ROWS - 1)
    assert report.sample[:2] == [[f"{'x' * 199}…", 0], [None, 1]]
