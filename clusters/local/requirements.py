"""What an environment should hold: requirement lines of a project or a model, read as untrusted input.

Only names of packages with version bounds pass. Whatever would fetch from elsewhere, read a local file, build
from source or change the installer's options is refused with a sentence.
"""

import re
from dataclasses import dataclass

from django.utils.translation import gettext as _
from packaging.requirements import InvalidRequirement, Requirement

from accounts.errors import Unprocessable

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


def parse_lines(lines: list[str]) -> list[str]:
    """Return the plain requirements among `lines`; comments and empty lines are passed over.

    Raises `Unprocessable` naming the first line that is not a plain requirement.
    """
    texts = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in lines)
    result = [_parse(text) for text in texts if text]
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


def environment(python: str, requirements: list[str]) -> Environment:
    """A checked environment. Raises `Unprocessable` for a version that is none."""
    if python and not _PYTHON.match(python):
        raise _refuse(_("“%(python)s” is not a Python version such as 3.11.") % {"python": python[:40]})
    return Environment(python, tuple(sorted(set(parse_lines(requirements)))))
