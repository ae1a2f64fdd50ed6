"""Messages for translation: collected from the sources, merged into locale/*/LC_MESSAGES/django.po, compiled.

Works without gettext's programs, which a fresh machine lacks. Catalogues are sorted by message and carry no
line numbers, so that two people's changes merge. Only collecting needs Babel (requirements/dev.txt).
"""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import polib
from django.conf import settings
from django.utils.translation.template import templatize

SOURCES = ("accounts", "projects", "clusters", "registry", "portal", "templates")
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "noop": None,  # gettext_noop as this code calls it
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
TEXTS = {"npgettext": 3, "pgettext": 2, "pgettext_lazy": 2, "ngettext": 2, "ngettext_lazy": 2}
_PLACEHOLDER = re.compile(r"%(?:\([a-z_]+\))?(?:\.\d+)?[sdifg]|\{[a-z_]*\}")
PLURALS = {"ko": "nplurals=1; plural=0;"}


class Message(NamedTuple):
    """What a translator translates; `plural` and `context` are empty where there is none."""

    text: str
    plural: str = ""
    context: str = ""


def catalogues(root: Path) -> list[Path]:
    """Every language's catalogue; English is the language of the messages themselves and has none."""
    languages = [code for code, _name in settings.LANGUAGES if code != "en"]
    return [root / "locale" / code / "LC_MESSAGES" / "django.po" for code in languages]


def _python_messages(code: io.BytesIO, where: Path) -> Iterator[Message]:
    # Only developers' machines collect; the running portal does without Babel.
    from babel.messages.extract import extract_python

    calls: Iterator[tuple[int, str, Any, list[str]]] = extract_python(
        code, KEYWORDS, (), {"encoding": "utf-8"}
    )  # type: ignore[assignment]
    for line, function, found, _comments in calls:
        parts: list[Any] = list(found) if isinstance(found, list | tuple) else [found]
        texts = parts[: TEXTS.get(function, 1)]
        if not texts or texts[0] is None or texts[0] == "":
            continue
        if any(not isinstance(text, str) for text in texts):
            raise ValueError(f"{where}:{line}: {function}() takes plain texts, with %(name)s for values.")
        if function in {"pgettext", "pgettext_lazy"}:
            yield Message(texts[1], context=texts[0])
        elif function == "npgettext":
            yield Message(texts[1], texts[2], texts[0])
        elif function in {"ngettext", "ngettext_lazy"}:
            yield Message(texts[0], texts[1])
        else:
            yield Message(texts[0])


def collect(root: Path) -> dict[Message, set[str]]:
    """Return every message of the sources below `root`, with the files that use it."""
    found: dict[Message, set[str]] = {}
    for name in SOURCES:
        for path in sorted((root / name).rglob("*")):
            if path.suffix == ".py" and "migrations" not in path.parts:
                code = path.read_bytes()
            elif path.suffix in {".html", ".txt"} and "templates" in path.parts:
                # Inside parentheses Python's tokenizer does not mind indentation.
                code = f"(\n{templatize(path.read_text(), origin=str(path))}\n)".encode()
            else:
                continue
            for message in _python_messages(io.BytesIO(code), path):
                found.setdefault(message, set()).add(path.relative_to(root).as_posix())
    return found


def key(entry: polib.POEntry) -> Message:
    """The message of a catalogue's entry."""
    return Message(entry.msgid, entry.msgid_plural or "", entry.msgctxt or "")


def merge(catalogue: Path, messages: dict[Message, set[str]]) -> tuple[int, int]:
    """Add new messages to a catalogue, drop unused ones; returns how many of each. Translations are kept."""
    known = {key(entry): entry for entry in polib.pofile(str(catalogue))} if catalogue.is_file() else {}
    fresh = polib.POFile(wrapwidth=100)
    language = catalogue.parent.parent.name
    fresh.metadata = {
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Language": language,
        "Plural-Forms": PLURALS.get(language, "nplurals=2; plural=(n != 1);"),
    }
    for message in sorted(messages, key=lambda one: (one.text.casefold(), one)):
        entry = known.get(message) or polib.POEntry(
            msgid=message.text, msgid_plural=message.plural or None, msgctxt=message.context or None
        )
        if message.plural and not entry.msgstr_plural:
            entry.msgstr_plural = {0: ""}
        entry.occurrences = [(name, "") for name in sorted(messages[message])]
        entry.flags = [flag for flag in entry.flags if flag == "fuzzy"]
        fresh.append(entry)
    catalogue.parent.mkdir(parents=True, exist_ok=True)
    fresh.save(str(catalogue))
    return len(messages.keys() - known.keys()), len(known.keys() - messages.keys())


def compile_catalogue(catalogue: Path) -> bool:
    """Write the .mo beside a .po; False where it was fresh already."""
    target = catalogue.with_suffix(".mo")
    if target.is_file() and target.stat().st_mtime_ns >= catalogue.stat().st_mtime_ns:
        return False
    unfinished = target.with_suffix(".mo.new")
    polib.pofile(str(catalogue)).save_as_mofile(str(unfinished))
    unfinished.replace(target)
    return True


def complaints(catalogue: Path, messages: dict[Message, set[str]]) -> Iterator[str]:
    """Say what is wrong with a catalogue, entry by entry, and against the messages of the sources."""
    entries = {key(entry): entry for entry in polib.pofile(str(catalogue))} if catalogue.is_file() else {}
    for message, entry in entries.items():
        yield from _wrong(message, entry)
    for message in messages.keys() - entries.keys():
        yield f"missing: {message.text!r} ({', '.join(sorted(messages[message]))})"
    for message in entries.keys() - messages.keys():
        yield f"unused: {message.text!r}"


def _wrong(message: Message, entry: polib.POEntry) -> Iterator[str]:
    texts = list(entry.msgstr_plural.values()) if entry.msgstr_plural else [entry.msgstr]
    if not all(text.strip() for text in texts):
        yield f"untranslated: {message.text!r}"
    elif "fuzzy" in entry.flags:
        yield f"fuzzy: {message.text!r}"
    else:
        wanted = set(_PLACEHOLDER.findall(message.plural or message.text))
        for text in texts:
            if set(_PLACEHOLDER.findall(text)) != wanted:
                yield f"other placeholders than the message: {message.text!r} → {text!r}"
