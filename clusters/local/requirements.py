"""What an environment should hold: MLflow's python_env.yaml and requirement files, read as untrusted input.

Only names of packages with version bounds pass. Whatever would fetch from elsewhere, read a local file, build
from source or change the installer's options is refused with a sentence.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from django.utils.translation import gettext as _
from packaging.requirements import InvalidRequirement, Requirement

from accounts.errors import Unprocessable

MAX_BYTES = 256 * 1024
MAX_LINES = 1000
_PYTHON = re.compile(r"^\d+\.\d+(\.\d+)?$")
_HASH = re.compile(r"^sha(256|384|512):[0-9a-f]{64,128}$")


@dataclass(frozen=True)
class Environment:
    """A Python version ("3.11" or "3.11.7"; empty: the portal's own) and requirement lines, sorted and
    without duplicates.
    """

    python: str
    requirements: tuple[str, ...]


def _refuse(detail: str) -> Unprocessable:
    return Unprocessable("environment.invalid", detail)


def parse_lines(lines: list[str], folder: Path | None = None, *, nested: int = 0) -> list[str]:
    """Return the plain requirements among `lines`; `-r file` is followed within `folder`.

    Raises `Unprocessable` naming the first line that is not a plain requirement.
    """
    result: list[str] = []
    for line in lines:
        text = re.sub(r"(^|\s)#.*$", "", line).strip()
        if not text:
            continue
        included = re.match(r"^(?:-r|--requirement)[\s=]+(\S+)$", text)
        if included and folder is not None and nested < 3:
            result += parse_lines(_read(folder, included[1]).splitlines(), folder, nested=nested + 1)
        else:
            result.append(_parse(text))
        if len(result) > MAX_LINES:
            raise _refuse(_("More than %(count)d requirements.") % {"count": MAX_LINES})
    return result


def _parse(text: str) -> str:
    text, *hashes = (part.strip() for part in text.split("--hash="))
    if not all(_HASH.match(value) for value in hashes):
        raise _refuse(_("“%(line)s”: a hash is written as sha256:… in hex.") % {"line": text[:200]})
    if text.startswith("-"):
        raise _refuse(
            _("“%(line)s”: installer options are not allowed in requirements.") % {"line": text[:200]}
        )
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        raise _refuse(
            _("“%(line)s” is not a requirement such as “pandas==2.2.3”.") % {"line": text[:200]}
        ) from None
    if requirement.url:
        raise _refuse(
            _("“%(line)s”: requirements come from the package index, by name; addresses are not allowed.")
            % {"line": text[:200]}
        )
    return " ".join([str(requirement), *(f"--hash={value}" for value in hashes)])


def _read(folder: Path, name: str) -> str:
    """Read a file of the project; links and climbing paths are refused."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise _refuse(_("“%(name)s” leaves the project's folder.") % {"name": name[:200]})
    full = folder / path
    if full.resolve() != folder.resolve() / path or not full.is_file():
        raise _refuse(_("The project has no file “%(name)s”.") % {"name": name[:200]})
    if os.path.getsize(full) > MAX_BYTES:
        raise _refuse(
            _("“%(name)s” is longer than %(bytes)d bytes.") % {"name": name[:200], "bytes": MAX_BYTES}
        )
    try:
        return full.read_text("utf-8")
    except UnicodeDecodeError:
        raise _refuse(_("“%(name)s” is not UTF-8 text.") % {"name": name[:200]}) from None


def read_requirements(folder: Path, name: str) -> list[str]:
    """Requirements of a pip requirement file inside `folder`."""
    return parse_lines(_read(folder, name).splitlines(), (folder / name).parent)


def read_python_env(folder: Path, name: str) -> Environment:
    """An MLflow python_env.yaml (python, build_dependencies, dependencies) inside `folder`.

    Raises `Unprocessable` for anything but that.
    """
    try:
        content: Any = yaml.safe_load(_read(folder, name))
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        raise _refuse(
            _("“%(name)s” is not YAML (line %(line)s).")
            % {"name": name, "line": where.line + 1 if where else "?"}
        ) from None
    content = {} if content is None else content
    if not isinstance(content, dict):
        raise _refuse(_("“%(name)s” must hold keys such as python and dependencies.") % {"name": name})
    lines: list[str] = []
    for key in ("build_dependencies", "dependencies"):
        values = content.get(key) or []
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise _refuse(
                _("“%(name)s”: %(key)s must be a list of requirements.") % {"name": name, "key": key}
            )
        lines += parse_lines(values, (folder / name).parent)
    python = content.get("python") or ""
    if not isinstance(python, str | int | float):
        # A list may hold aliases of aliases: as text it would fill the memory.
        raise _refuse(_("“%(python)s” is not a Python version such as 3.11.") % {"python": "…"})
    return environment(str(python), lines)


def environment(python: str, requirements: list[str]) -> Environment:
    """A checked environment. Raises `Unprocessable` for a version that is none."""
    if python and not _PYTHON.match(python):
        raise _refuse(_("“%(python)s” is not a Python version such as 3.11.") % {"python": python[:40]})
    return Environment(python, tuple(sorted(set(parse_lines(requirements)))))
