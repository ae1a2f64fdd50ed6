"""Profiles of CSV, TSV and their like, with Arrow's streaming reader: a block of text in memory at a time.

Everything is read as text and types are inferred over the whole file: the reader's own inference looks at the
first block only, and gives up where a later one disagrees.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv as pa_csv

from registry.datasets.profile.columns import Column, cell
from registry.datasets.profile.formats import TableFormat
from registry.datasets.profile.problems import Unreadable
from registry.datasets.profile.report import MOST_COLUMNS, SAMPLE_ROWS, Report
from registry.datasets.profile.sniff import Dialect, sniff
from registry.datasets.profile.stream import Tally

HEAD = 1 << 20
BLOCK = 4 << 20
UNPACKED = 64 << 30


def profile_delimited(source: IO[bytes], form: TableFormat) -> Report:
    """Profile a delimited text. Raises `Unreadable` where it is not one."""
    with _translated():
        return _profile(source, form)


def _profile(source: IO[bytes], form: TableFormat) -> Report:
    head = _unpacked(source, form).read(HEAD)
    source.seek(0)
    dialect = sniff(head, whole=len(head) < HEAD, suggested=form.delimiter)
    if len(dialect.header) > MOST_COLUMNS:
        raise Unreadable("too_many_columns", got=len(dialect.header), limit=MOST_COLUMNS)
    columns = [Column(name) for name in dialect.header]
    sample: list[list[Any]] = []
    rows = 0
    bad: list[Unreadable] = []
    for batch in _batches(_unpacked(source, form), dialect, bad):
        for column, values in zip(columns, batch.columns, strict=True):
            column.add_texts(values)
        if rows < SAMPLE_ROWS:
            texts = [values.slice(0, SAMPLE_ROWS - rows).to_pylist() for values in batch.columns]
            sample.extend([cell(value) for value in row] for row in zip(*texts, strict=True))
        rows += batch.num_rows
    return Report(
        rows=rows,
        columns=[column.as_json() for column in columns],
        sample=sample,
        encoding=dialect.encoding,
        delimiter=dialect.delimiter,
    )


def _unpacked(source: IO[bytes], form: TableFormat) -> IO[bytes]:
    if not form.gzipped:
        return source
    limit = Tally(
        gzip.GzipFile(fileobj=source, mode="rb"),  # type: ignore[arg-type]  # any file opened for reading
        UNPACKED,
        lambda: Unreadable("too_large", limit=UNPACKED >> 30),
    )
    return io.BufferedReader(limit, HEAD)


def _batches(source: IO[bytes], dialect: Dialect, bad: list[Unreadable]) -> Iterator[Any]:
    """Yield batches of string columns; raises `Unreadable` at the first row of another width."""
    names = [str(index) for index in range(len(dialect.header))]

    def refuse(row: Any) -> str:
        bad.append(Unreadable("columns", row=row.number, got=row.actual_columns, wanted=row.expected_columns))
        return "error"

    done = 0
    try:
        # One thread: else rows have no numbers, and there is nothing to tell a person.
        reader = pa_csv.open_csv(
            source,
            read_options=pa_csv.ReadOptions(
                use_threads=False,
                block_size=BLOCK,
                column_names=names,
                skip_rows_after_names=1,
                encoding=dialect.encoding,
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=dialect.delimiter, newlines_in_values=True, invalid_row_handler=refuse
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True
            ),
        )
        for batch in reader:
            yield batch
            done += batch.num_rows
    except pa.ArrowInvalid as error:
        if bad:
            raise bad[0] from None
        # Arrow's own text quotes the row: data has no place in logs.
        text = str(error)
        if "straddling" in text or "block size" in text:
            raise Unreadable("row_too_long", limit=BLOCK >> 20) from None
        if "UTF8" in text:
            raise Unreadable("encoding") from None
        if "Empty CSV" in text:
            raise Unreadable("empty") from None
        raise Unreadable("delimited", row=done + 2) from None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (gzip.BadGzipFile, zlib.error, EOFError):
        raise Unreadable("gzip") from None
    except UnicodeDecodeError:
        raise Unreadable("encoding") from None
