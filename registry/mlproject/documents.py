"""Reading small YAML documents and text files that strangers wrote."""

from collections.abc import Callable, Hashable
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from django.utils.translation import gettext as _

from accounts.errors import Unprocessable

MAX_YAML = 64 * 1024
MAX_TEXT = 1024 * 1024
MAX_DEPTH = 12

Reader = Callable[[str], bytes | None]
"""Gives the bytes of a file of the project by its relative path, None when there is no such regular file."""


class _StrictLoader(yaml.SafeLoader):
    """YAML's plain types only; no aliases (they multiply), no deep nesting, no key twice."""

    depth = 0

    def _here(self) -> Any:
        return self.peek_event().start_mark  # type: ignore[no-untyped-call]

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not allowed", self._here())
        if self.depth >= MAX_DEPTH:
            raise yaml.composer.ComposerError(None, None, "nested too deeply", self._here())
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _value in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{name} is given twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


class _TextLoader(_StrictLoader):
    """Every scalar stays the text that was written: `3.10` is not the number 3.1."""

    yaml_implicit_resolvers: dict[str, Any] = {}


def load_yaml(name: str, content: bytes, *, scalars_as_text: bool = False) -> dict[str, Any]:
    """Parse one YAML mapping. Raises Unprocessable that names the file, and the line where there is one."""
    text = decode(name, content, MAX_YAML)
    loader = _TextLoader if scalars_as_text else _StrictLoader
    try:
        value = yaml.load(text, Loader=loader)  # noqa: S506  # both loaders derive from SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise refused(
            name,
            _("%(file)s, line %(line)d: %(problem)s.")
            % {"file": name, "line": line, "problem": error.problem},
            line=line,
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise refused(
            name, _("%(file)s is not YAML: %(problem)s.") % {"file": name, "problem": error}
        ) from error
    if not isinstance(value, dict):
        raise refused(
            name, _("%(file)s must be a list of names with values, such as “name: …”.") % {"file": name}
        )
    return {str(key): item for key, item in value.items()}


def decode(name: str, content: bytes, limit: int) -> str:
    """Return the text of a file. Raises Unprocessable when it is longer than `limit` bytes or not UTF-8."""
    if len(content) > limit:
        raise refused(
            name,
            _("%(file)s is %(size)d bytes long; at most %(limit)d are read.")
            % {"file": name, "size": len(content), "limit": limit},
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refused(name, _("%(file)s is not UTF-8 text.") % {"file": name}) from error


def refused(file: str, detail: str, **data: Any) -> Unprocessable:
    """The error for a project whose file `file` cannot be used."""
    return Unprocessable("mlproject.invalid", detail, file=file, **data)


def inside(name: str) -> bool:
    """Whether a relative path stays in the project: no `..`, not absolute, no backslash."""
    path = PurePosixPath(name)
    return (
        bool(name)
        and not path.is_absolute()
        and ".." not in path.parts
        and "\\" not in name
        and "\0" not in name
    )


def folder_reader(folder: Path) -> Reader:
    """Read regular files under `folder`, following no link out of it, and never more than the largest
    limit allows.
    """
    root = folder.resolve()

    def read(name: str) -> bytes | None:
        if not inside(name):
            return None
        path = (root / name).resolve()
        if not path.is_relative_to(root) or not path.is_file():
            return None
        with path.open("rb") as file:
            return file.read(MAX_TEXT + 1)

    return read
