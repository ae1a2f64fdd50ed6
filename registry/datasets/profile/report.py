"""The result of profiling a table, as it is sealed and shown."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

SAMPLE_ROWS = 100
MOST_COLUMNS = 5_000


@dataclass(frozen=True, slots=True)
class Report:
    """Rows in all; per column name, type, missing values, extremes; the first rows; how it is written."""

    rows: int
    columns: list[dict[str, Any]]
    sample: list[list[Any]] = field(default_factory=list)
    encoding: str = ""
    delimiter: str = ""

    def to_bytes(self) -> bytes:
        """Return the report as it is sealed."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Report":
        """Return the report that was sealed."""
        return cls(**json.loads(data))
