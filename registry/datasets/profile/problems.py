"""Why a table could not be profiled: a code and numbers, made into a sentence in the reader's language. Pure.

No value of the data appears in it: the sentence is stored in clear, and goes into logs.
"""

from typing import Any

from django.utils.translation import gettext as _


class Unreadable(Exception):
    """The file is not the table that its name promises. `code` and `numbers` make the sentence."""

    def __init__(self, code: str, **numbers: Any) -> None:
        super().__init__(code)
        self.code = code
        self.numbers = numbers

    def as_json(self) -> dict[str, Any]:
        """Return what is stored with the profile."""
        return {"code": self.code, **self.numbers}


def sentence(problem: dict[str, Any]) -> str:
    """Return the sentence of a stored problem."""
    sentences = {
        "empty": _("The file is empty: there is no header row."),
        "columns": _("Row %(row)s has %(got)s columns where the header has %(wanted)s."),
        "encoding": _("The text is not UTF-8 (nor CP949) throughout. Save it as UTF-8."),
        "row_too_long": _("A row is longer than %(limit)s MiB."),
        "too_many_columns": _("The table has %(got)s columns; at most %(limit)s are profiled."),
        "too_large": _(
            "Unpacked, the table is larger than %(limit)s GiB, which is the most that is profiled."
        ),
        "gzip": _("The file is not whole gzip data."),
        "parquet": _("The file is not a whole Parquet file."),
        "delimited": _("The file does not parse as delimited text from row %(row)s on."),
    }
    text = sentences.get(problem.get("code", ""), _("The file could not be read as a table."))
    return text % problem if problem else text
