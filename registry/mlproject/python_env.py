"""python_env.yaml: which Python and which packages a project needs."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from packaging.requirements import InvalidRequirement, Requirement

from registry.mlproject.documents import MAX_TEXT, Reader, decode, inside, load_yaml, refused

MAX_REQUIREMENTS = 1000
_VERSION = re.compile(r"\d{1,2}\.\d{1,3}(\.\d{1,3})?", re.ASCII)
_HASH = re.compile(r"--hash=(sha256|sha384|sha512):[0-9a-f]{64,128}")
_FIELDS = {"python", "build_dependencies", "dependencies"}


@dataclass(frozen=True)
class PythonEnv:
    """What an environment is made of; equal environments have equal `digest`s and can be shared.

    `requirements` are normalised lines of a requirements file: names with versions and hashes, nothing
    that leads anywhere else. `build_dependencies` is kept as it was written: wheels are installed and
    nothing is built, so nobody needs it.
    """

    python: str | None
    requirements: tuple[str, ...]
    build_dependencies: tuple[str, ...] = ()

    @property
    def hashed(self) -> bool:
        """Whether every requirement carries a hash."""
        return bool(self.requirements) and all("--hash=" in line for line in self.requirements)

    @property
    def digest(self) -> str:
        """SHA-256 over the Python version and the sorted requirements, as hex."""
        lines = [self.python or "", *sorted(self.requirements)]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def runs_on(self, version: tuple[int, int, int]) -> bool:
        """Whether an interpreter of this version is the Python asked for.

        The parts that were written must match: 3.11 is any 3.11.
        """
        if self.python is None:
            return True
        wanted = tuple(int(part) for part in self.python.split("."))
        return version[: len(wanted)] == wanted


def parse_python_env(name: str, read: Reader) -> PythonEnv:
    """Read `name` and the requirement files that it refers to. Raises Unprocessable naming file and entry."""
    content = read(name)
    if content is None:
        raise refused(
            name, _("The MLproject file names %(file)s, and the project has no such file.") % {"file": name}
        )
    document = load_yaml(name, content, scalars_as_text=True)
    if unknown := sorted(set(document) - _FIELDS):
        raise refused(
            name,
            _("%(file)s has the field(s) %(fields)s; it may have build_dependencies, dependencies, python.")
            % {"file": name, "fields": ", ".join(unknown)},
        )
    python = document.get("python")
    if python is not None and (not isinstance(python, str) or not _VERSION.fullmatch(python)):
        raise refused(name, _("%(file)s: python must be a version such as 3.11.") % {"file": name})
    requirements: list[str] = []
    for entry in _texts(name, document, "dependencies"):
        requirements += _expand(name, entry, read)
    if len(requirements) > MAX_REQUIREMENTS:
        raise refused(
            name,
            _("%(file)s asks for more than %(limit)d packages.") % {"file": name, "limit": MAX_REQUIREMENTS},
        )
    return PythonEnv(python, tuple(requirements), tuple(_texts(name, document, "build_dependencies")))


def _texts(name: str, document: dict[str, Any], field: str) -> list[str]:
    value = document.get(field)
    if value in (None, ""):
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise refused(
            name, _("%(file)s: %(field)s must be a list of texts.") % {"file": name, "field": field}
        )
    return [item.strip() for item in value]


def _expand(name: str, entry: str, read: Reader) -> list[str]:
    """One entry of `dependencies`.

    It is a requirement, or `-r FILE` (one level: such a file refers to no other).
    """
    option, _space, rest = entry.partition(" ")
    if option not in ("-r", "--requirement"):
        return [_requirement(name, entry)]
    listed = rest.strip()
    content = read(listed) if inside(listed) else None
    if content is None:
        raise refused(
            name,
            _("%(file)s: “%(entry)s” names no file of this project.") % {"file": name, "entry": entry},
        )
    text = decode(listed, content, MAX_TEXT).replace("\\\r\n", " ").replace("\\\n", " ")
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())
    return [_requirement(listed, line) for line in lines if line]


def _requirement(name: str, line: str) -> str:
    specifier, *options = line.split(" --")
    hashes = [f"--{option.strip()}" for option in options]
    shown = {"file": name, "entry": line[:200]}
    if line.startswith("-") or not all(_HASH.fullmatch(option) for option in hashes):
        raise refused(
            name,
            _("%(file)s: the option in “%(entry)s” is not allowed; only -r FILE and --hash are.") % shown,
        )
    try:
        requirement = Requirement(specifier.strip())
    except InvalidRequirement as error:
        raise refused(name, _("%(file)s: “%(entry)s” is not a package requirement.") % shown) from error
    if requirement.url:
        raise refused(
            name,
            _("%(file)s: “%(entry)s” leads to an address; packages come from the package index by name.")
            % shown,
        )
    return " ".join([str(requirement), *sorted(hashes)])
