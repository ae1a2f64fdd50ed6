"""The MLproject file: entry points with typed parameters, and binding one launch to them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from accounts.errors import Invalid, Unprocessable
from registry.mlproject.command import Template, TemplateProblem, UnsafeValue, parse_template
from registry.mlproject.documents import Reader, folder_reader, inside, load_yaml, refused
from registry.mlproject.python_env import PythonEnv, parse_python_env

ParameterType = Literal["string", "float", "int", "path", "uri"]
TYPES: tuple[str, ...] = get_args(ParameterType)
FILE = "MLproject"
DEFAULT_ENVIRONMENT = "python_env.yaml"
MAX_ENTRY_POINTS, MAX_PARAMETERS, MAX_COMMAND, MAX_VALUE = 50, 100, 8192, 4096

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_ENTRY_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_FLOAT = re.compile(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,3})?", re.ASCII)
_INT = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_FIELDS = {"name", "entry_points", "python_env"}


@dataclass(frozen=True)
class Parameter:
    """A declared parameter; without a default it must be given at launch."""

    name: str
    type: ParameterType
    default: str | None = None

    def problem(self, value: str) -> str | None:
        """Why `value` is not of this parameter's type, as a sentence; None when it is."""
        if len(value) > MAX_VALUE:
            return _("At most %(limit)d characters.") % {"limit": MAX_VALUE}
        if "\0" in value or (not value.isascii() and not _encodable(value)):
            return _("Contains a character that a command line cannot carry.")
        if self.type == "float" and not _FLOAT.fullmatch(value):
            return _("Must be a number such as 0.4 or 1e-3, not “%(value)s”.") % {"value": value[:80]}
        if self.type == "int" and not _INT.fullmatch(value):
            return _("Must be a whole number such as 12, not “%(value)s”.") % {"value": value[:80]}
        if self.type == "path" and not value:
            return _("Must be the path of a file or folder.")
        if self.type == "uri" and not _has_scheme(value):
            return _("Must be an address with a scheme, such as s3://bucket/file, not “%(value)s”.") % {
                "value": value[:80]
            }
        return None


@dataclass(frozen=True)
class EntryPoint:
    """One thing that the project can run."""

    name: str
    parameters: tuple[Parameter, ...]
    command: str
    template: Template


@dataclass(frozen=True)
class BoundEntry:
    """One launch: `command` is a line for the shell, `parameters` every value in use, defaults included."""

    entry_point: str
    command: str
    parameters: dict[str, str]

    @property
    def argv(self) -> tuple[str, ...]:
        """How MLflow runs a command on POSIX: with bash, in the project's folder."""
        return ("bash", "-c", self.command)


@dataclass(frozen=True)
class MLProject:
    """A training project that can be launched."""

    name: str
    entry_points: Mapping[str, EntryPoint]
    python_env: PythonEnv

    def bind(self, entry_point: str, parameters: Mapping[str, object]) -> BoundEntry:
        """Check the parameters of one launch and fill in the command.

        Values are text or numbers. Raises Unprocessable for an entry point that the project does not
        have, and Invalid with one message per parameter (`parameters.NAME`) that is missing, unknown or
        of the wrong type. MLflow itself passes unknown parameters on as options; here they are refused,
        for a misspelt name would train with the default.
        """
        entry = self.entry_points.get(entry_point)
        if entry is None:
            known = sorted(self.entry_points)
            raise Unprocessable(
                "mlproject.entry_point_unknown",
                _("This project has no entry point “%(name)s”; it has %(known)s.")
                % {"name": entry_point[:80], "known": ", ".join(known)},
                entry_point=entry_point[:80],
                known=known,
            )
        declared = {parameter.name: parameter for parameter in entry.parameters}
        errors: dict[str, list[str]] = {}
        for name in parameters:
            if name not in declared:
                note = (
                    _("The entry point has no such parameter; it has %(known)s.")
                    if declared
                    else _("The entry point takes no parameters.")
                )
                errors[name] = [note % {"known": ", ".join(declared)} if declared else note]
        values: dict[str, str] = {}
        for parameter in entry.parameters:
            value = _as_text(parameters.get(parameter.name, parameter.default))
            if value is None:
                missing = parameters.get(parameter.name) is None
                errors[parameter.name] = [
                    _("This parameter has no default: give a value.")
                    if missing
                    else _("Must be text or a number.")
                ]
            elif problem := parameter.problem(value):
                errors[parameter.name] = [problem]
            else:
                values[parameter.name] = value
        if not errors:
            try:
                return BoundEntry(entry.name, entry.template.fill(values), values)
            except UnsafeValue as error:
                errors[str(error)] = [
                    _("Stands inside quotes in the command: only letters, digits and simple marks go there.")
                ]
        raise Invalid(
            "mlproject.parameters_invalid",
            _("The parameters do not fit the entry point “%(name)s”: %(names)s.")
            % {"name": entry.name, "names": ", ".join(sorted(errors)[:10])},
            errors={f"parameters.{name}": messages for name, messages in errors.items()},
        )


def parse_folder(folder: Path) -> MLProject:
    """Parse the project in `folder`; the file's name may be written in any case, as in MLflow."""
    names = sorted(path.name for path in folder.iterdir() if path.name.lower() == FILE.lower())
    if len(names) != 1:
        detail = (
            _("The project has %(files)s: keep one MLproject file.") % {"files": ", ".join(names)}
            if names
            else _("The project has no MLproject file at its top.")
        )
        raise refused(FILE, detail)
    return parse(names[0], folder_reader(folder))


def parse(name: str, read: Reader) -> MLProject:
    """Parse the MLproject file called `name`, reading it and what it refers to through `read`.

    Raises Unprocessable that names the file and what is wrong in it.
    """
    content = read(name)
    if content is None:
        raise refused(name, _("The project has no MLproject file at its top."))
    document = load_yaml(name, content)
    _check_fields(name, document)
    project_name = document.get("name")
    if not isinstance(project_name, str) or not project_name.strip() or len(project_name) > 200:
        raise refused(name, _("%(file)s: name must be a text of 1 to 200 characters.") % {"file": name})
    entries = document.get("entry_points")
    if not isinstance(entries, dict) or not entries:
        raise refused(name, _("%(file)s declares no entry_points.") % {"file": name})
    if len(entries) > MAX_ENTRY_POINTS:
        raise refused(
            name,
            _("%(file)s declares more than %(limit)d entry points.")
            % {"file": name, "limit": MAX_ENTRY_POINTS},
        )
    environment = document.get("python_env", DEFAULT_ENVIRONMENT)
    if not isinstance(environment, str) or not inside(environment):
        raise refused(
            name, _("%(file)s: python_env must be the path of a file in the project.") % {"file": name}
        )
    if "python_env" not in document and read(environment) is None:
        raise refused(
            name, _("%(file)s names no python_env, so nobody knows which packages it needs.") % {"file": name}
        )
    points = {str(key): _entry_point(name, key, value) for key, value in entries.items()}
    return MLProject(project_name.strip(), points, parse_python_env(environment, read))


def _check_fields(name: str, document: dict[str, Any]) -> None:
    for field, instead in (
        ("conda_env", _("Conda environments are not supported; list the packages in a python_env.yaml.")),
        (
            "docker_env",
            _("Container environments are not supported; list the packages in a python_env.yaml."),
        ),
        ("databricks_spark_job", _("Databricks jobs are not supported; declare entry_points with commands.")),
    ):
        if field in document:
            raise refused(name, f"{name}: {field}. {instead}", field=field)
    if unknown := sorted(set(document) - _FIELDS):
        raise refused(
            name,
            _("%(file)s has the field(s) %(fields)s; known ones are entry_points, name, python_env.")
            % {"file": name, "fields": ", ".join(unknown)},
        )


def _entry_point(file: str, key: object, value: object) -> EntryPoint:
    name = str(key)
    where = {"file": file, "entry": name[:80]}
    if not _ENTRY_NAME.fullmatch(name):
        raise refused(file, _("%(file)s: “%(entry)s” cannot name an entry point.") % where)
    if not isinstance(value, dict) or set(value) - {"parameters", "command"}:
        raise refused(
            file, _("%(file)s: entry point %(entry)s takes the fields parameters and command.") % where
        )
    command = value.get("command")
    if not isinstance(command, str) or not command.strip() or len(command) > MAX_COMMAND or "\0" in command:
        limit = where | {"limit": MAX_COMMAND}
        raise refused(
            file,
            _("%(file)s: entry point %(entry)s needs a command of at most %(limit)d characters.") % limit,
        )
    declared = value.get("parameters") or {}
    if not isinstance(declared, dict) or len(declared) > MAX_PARAMETERS:
        limit = where | {"limit": MAX_PARAMETERS}
        raise refused(
            file, _("%(file)s: parameters of %(entry)s must be at most %(limit)d names with types.") % limit
        )
    parameters = tuple(_parameter(file, name, key, item) for key, item in declared.items())
    try:
        template = parse_template(command, {parameter.name for parameter in parameters})
    except TemplateProblem as error:
        note = {
            "unknown": _(
                "%(file)s: the command of %(entry)s uses {%(what)s}, which is not among its parameters."
            ),
            "field": _("%(file)s: the command of %(entry)s has %(what)s; only plain {name} is filled in."),
            "syntax": _(
                "%(file)s: the command of %(entry)s cannot be filled in (%(what)s); write {{ for a brace."
            ),
        }[error.kind]
        raise refused(file, note % (where | {"what": error.what})) from error
    return EntryPoint(name, parameters, command, template)


def _parameter(file: str, entry: str, key: object, value: object) -> Parameter:
    name = str(key)
    where = {"file": file, "entry": entry, "name": name[:80]}
    if not _NAME.fullmatch(name):
        raise refused(file, _("%(file)s: “%(name)s” cannot name a parameter of %(entry)s.") % where)
    declared = {"type": value} if isinstance(value, str) else value
    if declared is None:
        declared = {}
    if not isinstance(declared, dict) or set(declared) - {"type", "default"}:
        raise refused(
            file, _("%(file)s: parameter %(name)s of %(entry)s takes the fields type and default.") % where
        )
    kind = declared.get("type", "string")
    if kind not in TYPES:
        types = where | {"kind": str(kind)[:80], "types": ", ".join(TYPES)}
        raise refused(
            file,
            _("%(file)s: parameter %(name)s of %(entry)s has the type “%(kind)s”; there are %(types)s.")
            % types,
        )
    default = declared.get("default")
    text = None if default is None else str(default)
    parameter = Parameter(name, kind, text)
    problem = None if text is None else parameter.problem(text)
    if isinstance(default, dict | list) or problem:
        note = where | {"problem": problem or _("Must be text or a number.")}
        raise refused(file, _("%(file)s: the default of %(name)s in %(entry)s is wrong. %(problem)s") % note)
    return parameter


def _as_text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _has_scheme(value: str) -> bool:
    try:
        return bool(urlsplit(value).scheme)
    except ValueError:
        return False
