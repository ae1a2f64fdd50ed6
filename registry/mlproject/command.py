"""Command templates: `python train.py --alpha {alpha}`, filled in the way MLflow does, without surprises
from the shell.

MLflow fills templates with `str.format` and quotes each value for the shell. That holds a value together
only where the template itself is at shell level: inside quotes, a here-document, arithmetic, back quotes
or a comment, a quoted value can break out. There, only values that need no quoting are accepted.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter

_FRAGILE = re.compile(r"""`|<<|\(\(|\$[({\['"]|(^|[\s;&|()<>])#""")
"""Spellings that open a context of their own; where one occurs, no position of that command is trusted."""


class TemplateProblem(ValueError):
    """The template cannot be filled; `what` is the offending piece, `kind` is syntax, field or unknown."""

    def __init__(self, kind: str, what: str) -> None:
        super().__init__(f"{kind}: {what}")
        self.kind = kind
        self.what = what


class UnsafeValue(ValueError):
    """A value that would need quoting stands where quoting does not hold.

    The argument is the parameter's name.
    """


@dataclass(frozen=True)
class _Piece:
    literal: str
    field: str | None
    plain: bool  # the field is at shell level: quoting holds


@dataclass(frozen=True)
class Template:
    """A parsed command."""

    pieces: tuple[_Piece, ...]

    @property
    def fields(self) -> set[str]:
        """Names of the parameters that the command uses."""
        return {piece.field for piece in self.pieces if piece.field is not None}

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the command with every value quoted. Raises UnsafeValue where quoting would not hold."""
        filled = []
        for piece in self.pieces:
            filled.append(piece.literal)
            if piece.field is not None:
                quoted = shlex.quote(values[piece.field])
                if not piece.plain and quoted != values[piece.field]:
                    raise UnsafeValue(piece.field)
                filled.append(quoted)
        return "".join(filled)


def parse_template(command: str, known: set[str]) -> Template:
    """Parse a command whose fields must all be in `known`. Raises TemplateProblem."""
    try:
        parsed = list(Formatter().parse(command))
    except ValueError as error:
        raise TemplateProblem("syntax", str(error)) from error
    fragile = _FRAGILE.search("".join(literal + "x" for literal, *_ in parsed)) is not None
    pieces = []
    quote = ""
    before = ""
    for literal, field, spec, conversion in parsed:
        quote, before = _scan(literal, quote, before)
        if field is None:
            pieces.append(_Piece(literal, None, plain=True))
            continue
        if spec or conversion or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", field):
            written = field + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            raise TemplateProblem("field", "{" + written + "}")
        if field not in known:
            raise TemplateProblem("unknown", field)
        pieces.append(_Piece(literal, field, plain=not (fragile or quote or before in ("\\", "$"))))
        before = "x"
    return Template(tuple(pieces))


def _scan(literal: str, quote: str, before: str) -> tuple[str, str]:
    """Follow the shell's quoting through `literal`.

    Returns the quote that is open after it, and the last unescaped character.
    """
    for character in literal:
        if before == "\\" and quote != "'":
            before = "x"
            continue
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        before = character
    return quote, before
