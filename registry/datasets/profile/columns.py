"""What is learned about one column, batch by batch."""

import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

# What the texts of a column may turn out to be, narrowest first; `text` takes everything.
_NARROWEST = ("integer", "number", "boolean", "date", "timestamp")
_WIDER = {
    "integer": ("number",),
    "number": (),
    "boolean": (),
    "date": ("timestamp",),
    "timestamp": (),
    "text": (),
}
_ARROW = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
_CELL = 200


class Column:
    """A column's type, missing values and extremes. Fed with texts it infers the type; else it is given."""

    def __init__(self, name: str, kind: str = "", *, comparable: bool = True) -> None:
        self.name = name
        self.kind = kind
        self.missing = 0
        self._inferred = not kind
        self._comparable = comparable
        self._low: Any = None
        self._high: Any = None
        self._low_text: str | None = None
        self._high_text: str | None = None

    def add_texts(self, values: Any) -> None:
        """Learn from an Arrow array of strings whose missing values are null."""
        self.missing += values.null_count
        present = values.drop_null()
        if not len(present):
            return
        self._low_text, self._high_text = _spread(self._low_text, self._high_text, present)
        if self.kind == "text":
            return
        trimmed = pc.utf8_trim_whitespace(present)
        candidates = (self.kind, *_WIDER[self.kind]) if self.kind else _NARROWEST
        for kind in candidates:
            typed = _cast(trimmed, kind)
            if typed is not None:
                self.kind = kind
                self._low, self._high = _spread(_as(self._low, kind), _as(self._high, kind), typed)
                return
        self.kind, self._low, self._high = "text", None, None

    def add_values(self, values: Any, *, missing: int) -> None:
        """Learn from an Arrow array of the column's own type, in which `missing` rows had no value."""
        self.missing += missing
        if not self._comparable:
            return
        present = values.drop_null()
        if len(present):
            self._low, self._high = _spread(self._low, self._high, present)

    def as_json(self) -> dict[str, Any]:
        """Return the column for the report; `min` and `max` are null where there is nothing to compare."""
        by_text = self._inferred and self.kind == "text"
        low, high = (self._low_text, self._high_text) if by_text else (self._low, self._high)
        return {
            "name": self.name,
            "type": self.kind or "empty",
            "missing": self.missing,
            "min": cell(low),
            "max": cell(high),
        }


def cell(value: Any) -> Any:
    """Return a value as JSON and people read it: short texts, numbers as they are, times in ISO 8601."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        # JSON has no infinities and no NaN.
        return value if value - value == 0 else str(value)
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    text = str(value)
    return text if len(text) <= _CELL else f"{text[: _CELL - 1]}…"


def _cast(texts: Any, kind: str) -> Any:
    try:
        return pc.cast(texts, _ARROW[kind])
    except pa.ArrowInvalid:
        return None


def _spread(low: Any, high: Any, values: Any) -> tuple[Any, Any]:
    found = pc.min_max(values).as_py()
    lows = [each for each in (low, found["min"]) if each is not None]
    highs = [each for each in (high, found["max"]) if each is not None]
    return (min(lows) if lows else None), (max(highs) if highs else None)


def _as(value: Any, kind: str) -> Any:
    """Carry an extreme over to a wider type."""
    if value is None:
        return None
    if kind == "number":
        return float(value)
    if kind == "timestamp" and not isinstance(value, datetime.datetime):
        return datetime.datetime.combine(value, datetime.time())
    return value
