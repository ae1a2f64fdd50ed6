"""Stored sentences in the reader's language.

What went wrong in the background is written down as a sentence, in the language of whoever asked for the work. Who
reads another language is told the same in theirs: the sentence is recognised by the message of the catalogue that it
was made from, and the values in it are put into that message's translation. What no message made (a program's own
words, a text that was cut) stays as it is.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import polib
from django.conf import settings
from django.utils.translation import get_language

_HOLE = re.compile(r"%(?:\((?P<name>\w+)\)(?:\.\d+)?[sdf]|%)")
# A message with fewer fixed characters than this would recognise too much.
_FEWEST = 8
# Sentences within sentences, so many deep.
_DEPTH = 3
_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Message:
    """A message in one language: `pieces` is what stands between its values, `told` the same in every language."""

    text: str
    pieces: tuple[str, ...]
    told: Mapping[str, str]

    @property
    def fixed(self) -> int:
        """How many characters of it are not values."""
        return sum(map(len, self.pieces))


def retold(sentence: str) -> str:
    """Return a stored sentence in the active language, or as it is."""
    if len(sentence) > _LONGEST:
        return sentence
    return _retold(sentence, get_language() or "en", _DEPTH)


@lru_cache(maxsize=2000)
def _retold(sentence: str, language: str, depth: int) -> str:
    found = _recognised(sentence) if depth else None
    if found is None or language not in found[0].told:
        return sentence
    message, values = found
    told = {name: _retold(value, language, depth - 1) for name, value in values.items()}
    return _HOLE.sub(lambda hole: told.get(hole["name"] or "", "%"), message.told[language])


def _recognised(sentence: str) -> tuple[Message, dict[str, str]] | None:
    """The message that a sentence was made from, and its values."""
    whole, patterns = _messages()
    if sentence in whole:
        return whole[sentence], {}
    for message in patterns:  # those with the most fixed text first
        if all(piece in sentence for piece in message.pieces):
            match = _pattern(message.text).fullmatch(sentence)
            if match is not None:
                return message, match.groupdict()
    return None


@lru_cache(maxsize=1)
def _messages() -> tuple[dict[str, Message], list[Message]]:
    """Every message in every language: those without values by their text, and those with."""
    whole: dict[str, Message] = {}
    patterns: list[Message] = []
    for told in _catalogue():
        for text in told.values():
            pieces = tuple(piece for piece in _HOLE.split(text)[::2] if piece)
            message = Message(text, pieces, told)
            if not _HOLE.search(text):
                whole.setdefault(text, message)
            elif message.fixed >= _FEWEST:
                patterns.append(message)
    return whole, sorted(patterns, key=lambda message: -message.fixed)


def _catalogue() -> Iterator[Mapping[str, str]]:
    """Yield each message as language → text. Messages are English; a plural is told in its last form."""
    tables: dict[str, dict[str, str]] = {}
    for code, _name in settings.LANGUAGES:
        if code == "en":
            continue
        folder = Path(settings.LOCALE_PATHS[0]) / code / "LC_MESSAGES"
        for entry in polib.mofile(str(folder / "django.mo")):
            tables.setdefault(entry.msgid, {"en": entry.msgid})[code] = entry.msgstr or entry.msgstr_plural[0]
            if entry.msgid_plural:
                plural = {"en": entry.msgid_plural, code: entry.msgstr_plural[max(entry.msgstr_plural)]}
                tables.setdefault(entry.msgid_plural, {}).update(plural)
    return (told for text, told in tables.items() if text)


@lru_cache(maxsize=500)
def _pattern(text: str) -> re.Pattern[str]:
    parts, seen, at = [], set(), 0
    for hole in _HOLE.finditer(text):
        parts.append(re.escape(text[at : hole.start()]))
        at, name = hole.end(), hole["name"]
        if name is None:
            parts.append("%")
        else:
            parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>.+?)")
            seen.add(name)
    return re.compile("".join([*parts, re.escape(text[at:])]), re.DOTALL)
