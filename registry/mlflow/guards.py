"""What may stand in a request to MLflow: pure checks of parsed bodies, and the ids that a body refers to.

MLflow reads a field under its own name and in camel case (`run_id`, `runId`), and `run_uuid` as an old name
of `run_id`; every check here looks at all of them.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from accounts.errors import Invalid
from registry.mlflow import artifacts

Body = Mapping[str, Any]

# Trace tags by which MLflow finds a trace's files: whoever sets them reads, and deletes, files of the server.
RESERVED_TAGS = frozenset(
    {
        "mlflow.artifactLocation",
        "mlflow.trace.archiveLocation",
        "mlflow.trace.spansLocation",
        "mlflow.trace.archivalFailure",
    }
)
PARENT_RUN = "mlflow.parentRunId"
_MODEL_SOURCE = re.compile(r"models:/[A-Za-z0-9][\w .\-]*(?:/[\w.\-]+|@[\w.\-]+)?")
_RUN_SOURCE = re.compile(r"runs:/(?P<run_id>[0-9a-f]{32})/[^\s].*")
_DEEPEST = 32


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def field(body: Body, name: str) -> Any:
    """Return a field under either of its spellings; raises `Invalid` where both are given."""
    found = [body[spelling] for spelling in {name, _camel(name)} if spelling in body]
    if len(found) > 1:
        raise Invalid(
            "mlflow.ambiguous", _("The field “%(name)s” is given twice.") % {"name": name}, errors={}
        )
    return found[0] if found else None


def text(body: Body, name: str) -> str:
    """Return a text field, empty where there is none; raises `Invalid` for anything but text."""
    found = field(body, name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise Invalid("mlflow.field", _("The field “%(name)s” must be text.") % {"name": name}, errors={})
    return found


def run_ids(body: Body) -> set[str]:
    """Return every run that a body names as its own."""
    return {found for name in ("run_id", "run_uuid") if (found := text(body, name))}


def _dicts(value: Any) -> Iterator[Body]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def model_ids(body: Body) -> set[str]:
    """Return every logged model that a body of metrics, inputs or outputs refers to."""
    found = {text(body, "model_id")}
    for name in ("metrics", "models"):
        found |= {text(item, "model_id") for item in _dicts(field(body, name))}
    return found - {""}


def tag(body: Body, key: str) -> str:
    """Return the value of a tag in a body's list of tags; the last one counts, as in MLflow."""
    found = ""
    for item in _dicts(field(body, "tags")):
        if item.get("key") == key:
            found = text(item, "value")
    return found


def check_trace(body: Any, depth: int = 0) -> None:
    """Refuse the tags that would point a trace at somebody else's files, wherever in the body they stand."""
    if depth > _DEEPEST:
        raise Invalid("mlflow.too_deep", _("The body is nested too deeply."), errors={})
    if isinstance(body, dict):
        named = body.get("key")
        for key in [*body, *([named] if isinstance(named, str) else [])]:
            if key in RESERVED_TAGS:
                raise Invalid(
                    "trace.reserved_tag",
                    _("The trace tag “%(key)s” is set by the server only.") % {"key": key},
                    errors={},
                )
    for value in body.values() if isinstance(body, dict) else body if isinstance(body, list) else ():
        check_trace(value, depth + 1)


def check_experiment(body: Body) -> None:
    """Refuse an artifact folder of the client's choosing."""
    if field(body, "artifact_location"):
        raise Invalid(
            "experiment.artifact_location",
            _("Artifacts lie where the portal keeps them: leave artifact_location out."),
            errors={"artifact_location": [_("Not accepted here.")]},
        )


def check_source(body: Body, workspace: str) -> str:
    """Refuse a model version whose files would lie outside this workspace; return the run that its source
    names, if any.

    Accepted: `models:/…` of this registry, `runs:/<run>/…`, and addresses below this workspace's artifacts.
    """
    source = text(body, "source")
    if found := _RUN_SOURCE.fullmatch(source):
        artifacts.checked(source.removeprefix("runs:/"))
        return found["run_id"]
    if _MODEL_SOURCE.fullmatch(source):
        return ""
    if source.startswith(f"{artifacts.SCHEME}:/") and not source.startswith(f"{artifacts.SCHEME}://"):
        return artifacts.place_of(source.removeprefix(f"{artifacts.SCHEME}:/"), workspace).run_id
    raise Invalid(
        "model.source",
        _("A model version's source must lie in this project: models:/…, runs:/… or its own artifacts."),
        errors={"source": [_("Outside this project.")]},
    )
