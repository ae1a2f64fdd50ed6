"""Profiles of Parquet files: by batches of rows, types as the file states them."""

from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from registry.datasets.profile.columns import Column, cell
from registry.datasets.profile.problems import Unreadable
from registry.datasets.profile.report import MOST_COLUMNS, SAMPLE_ROWS, Report

BATCH_ROWS = 16_384
BUFFER = 1 << 20


def profile_parquet(source: IO[bytes]) -> Report:
    """Profile a Parquet file. Raises `Unreadable` where it is not one."""
    try:
        head = pq.ParquetFile(pa.PythonFile(source, mode="r"), buffer_size=BUFFER, pre_buffer=False)
        # A text that is stored once and meant a thousand times stays one: a few hundred bytes of file could
        # become more than there is memory.
        texts = [each.name for each in head.schema_arrow if _is_text(each.type)]
        table = pq.ParquetFile(
            pa.PythonFile(source, mode="r"),
            metadata=head.metadata,
            read_dictionary=texts,
            buffer_size=BUFFER,
            pre_buffer=False,
        )
        return _profile(table)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError):
        raise Unreadable("parquet") from None


def _profile(table: Any) -> Report:
    schema = table.schema_arrow
    if len(schema) > MOST_COLUMNS:
        raise Unreadable("too_many_columns", got=len(schema), limit=MOST_COLUMNS)
    columns = [Column(each.name, _kind(each.type), comparable=_comparable(each.type)) for each in schema]
    sample: list[list[Any]] = []
    rows = 0
    for batch in table.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
        for column, values in zip(columns, batch.columns, strict=True):
            column.add_values(_distinct(values), missing=values.null_count)
        if rows < SAMPLE_ROWS:
            # Cell by cell: each is cut to what is shown before the next one is unpacked.
            cells = [
                [cell(value.as_py()) for value in values.slice(0, SAMPLE_ROWS - rows)]
                for values in batch.columns
            ]
            sample.extend([list(row) for row in zip(*cells, strict=True)])
        rows += batch.num_rows
    return Report(rows=rows, columns=[column.as_json() for column in columns], sample=sample)


def _distinct(values: Any) -> Any:
    """The values that occur, each once where the file stores them so: all that extremes need."""
    if not pa.types.is_dictionary(values.type):
        return values
    return values.dictionary.take(values.indices.drop_null().unique())


def _is_text(of: Any) -> bool:
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(matches(of) for matches in kinds)


def _kind(of: Any) -> str:
    if pa.types.is_dictionary(of):
        of = of.value_type
    for kind, matches in (
        ("boolean", pa.types.is_boolean),
        ("integer", pa.types.is_integer),
        ("number", pa.types.is_floating),
        ("number", pa.types.is_decimal),
        ("date", pa.types.is_date),
        ("timestamp", pa.types.is_timestamp),
        ("text", pa.types.is_string),
        ("text", pa.types.is_large_string),
    ):
        if matches(of):
            return kind
    return str(of)[:60]


def _comparable(of: Any) -> bool:
    return _kind(of) in ("boolean", "integer", "number", "date", "timestamp", "text")
