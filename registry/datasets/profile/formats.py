"""Which files are tables, told by their names. Pure, and cheap to import: the web process asks too."""

from dataclasses import dataclass

_DELIMITED = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_PARQUET = (".parquet", ".pq")
_MEDIA_TYPES = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".parquet": "application/vnd.apache.parquet",
    ".pq": "application/vnd.apache.parquet",
    ".json": "application/json",
    ".gz": "application/gzip",
    ".zip": "application/zip",
}


@dataclass(frozen=True, slots=True)
class TableFormat:
    """How a table is stored: `delimited` or `parquet`, gzipped or not; the delimiter its name suggests."""

    kind: str
    gzipped: bool = False
    delimiter: str = ""


def table_format(path: str) -> TableFormat | None:
    """Return how the table at `path` is stored, or None for a file that is not named like a table."""
    name = path.lower()
    if name.endswith(_PARQUET):
        return TableFormat("parquet")
    gzipped = name.endswith(".gz")
    name = name.removesuffix(".gz")
    for suffix, delimiter in _DELIMITED.items():
        if name.endswith(suffix):
            return TableFormat("delimited", gzipped, delimiter)
    return None


def is_tabular(path: str) -> bool:
    """Whether a file is named like a table that can be profiled."""
    return table_format(path) is not None


def media_type(path: str) -> str:
    """Return the media type a file is served with: known data formats, bytes for all else (never HTML)."""
    name = path.lower()
    found = (kind for suffix, kind in _MEDIA_TYPES.items() if name.endswith(suffix))
    return next(found, "application/octet-stream")
