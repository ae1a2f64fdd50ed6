"""What people change in the model registry: versions and aliases."""

import json
import re
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit import Target
from accounts.errors import Invalid, NotFound, Unprocessable
from projects.doors import Grant
from registry.mlflow.client import Mlflow
from registry.mlflow.entities import ModelVersion
from registry.mlflow.protection import Touched, require_free
from registry.models.training import NAME

ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,62}")
EXAMPLE_LIMIT = 4 << 20


def version_target(name: str, version: int) -> Target:
    """How the audit log calls a model version."""
    return Target("modelversion", f"{name}/{version}", f"{name} v{version}")


def register(
    grant: Grant, name: str, *, run_id: str, model_id: str = "", description: str = ""
) -> ModelVersion:
    """Register a model that a run logged as the next version of `name`, which is made if there is none.

    Raises `Invalid` for a bad name, `NotFound` for no such run, `Unprocessable` where the run logged no such model.
    """
    try:
        NAME(name)
    except ValidationError:
        raise Invalid("model.name", str(NAME.message), errors={"name": [str(NAME.message)]}) from None
    mlflow = Mlflow(grant.account_id)
    run = mlflow.run(run_id)
    if not run.model_ids or (model_id and model_id not in run.model_ids):
        raise Unprocessable(
            "model.none_logged", _("The run “%(run)s” logged no such model.") % {"run": run.name}
        )
    chosen = model_id or run.model_ids[-1]
    # First: what the log does not take must not happen in MLflow either.
    audit.record("model.register.requested", Target("model", name, name), detail={"run": run.id})
    mlflow.ensure_model(name)
    version = mlflow.create_version(
        name, f"models:/{chosen}", run_id=run.id, model_id=chosen, description=description
    )
    audit.record("model.register", version_target(name, version.version), detail={"run": run.id})
    return version


def check_alias(alias: str) -> None:
    """Raise `Invalid` unless a word can be an alias in MLflow."""
    if not ALIAS.fullmatch(alias) or re.fullmatch(r"v\d+", alias) or alias == "latest":
        message = _(
            "An alias is a word of lower-case letters, digits, hyphens and underscores, not “latest” or “v1”."
        )
        raise Invalid("model.alias", message, errors={"alias": [message]})


def set_alias(grant: Grant, name: str, alias: str, version: int) -> ModelVersion:
    """Point an alias to a version. Raises `Invalid` for a name that is none, `NotFound` for no such version,
    `Forbidden` for a protected alias.
    """
    check_alias(alias)
    require_free(grant, Touched((name,), frozenset({alias}), str(version)))
    mlflow = Mlflow(grant.account_id)
    found = mlflow.version(name, version)
    before = mlflow.model(name).aliases.get(alias)
    # First, as above.
    detail = {"alias": alias, "before": before, "after": version}
    audit.record("model.alias", version_target(name, version), detail=detail)
    mlflow.set_alias(name, alias, version)
    return mlflow.version(found.name, found.version)


def delete_alias(grant: Grant, name: str, alias: str) -> None:
    """Remove an alias. Raises `NotFound` where it points nowhere, `Forbidden` for a protected one."""
    require_free(grant, Touched((name,), frozenset({alias})))
    mlflow = Mlflow(grant.account_id)
    version = mlflow.model(name).aliases.get(alias)
    if version is None:
        raise NotFound(
            "model.alias_not_found",
            _("“%(name)s” has no alias “%(alias)s”.") % {"name": name, "alias": alias},
        )
    audit.record("model.alias_removed", version_target(name, version), detail={"alias": alias})
    mlflow.delete_alias(name, alias)


def read_json(mlflow: Mlflow, uri: str, path: str, limit: int = EXAMPLE_LIMIT) -> Any:
    """Read a JSON artifact of at most `limit` bytes; raises `NotFound`, `Unprocessable` where it is no JSON."""
    content = bytearray()
    with mlflow.open_artifact(uri, path) as response:
        for piece in response.iter_bytes():
            content += piece
            if len(content) > limit:
                raise Unprocessable(
                    "artifact.too_large", _("“%(path)s” is too large to show here.") % {"path": path}
                )
    try:
        return json.loads(content)
    except ValueError:
        raise Unprocessable("artifact.not_json", _("“%(path)s” is not JSON.") % {"path": path}) from None


def input_example(grant: Grant, name: str, version: int) -> dict[str, Any]:
    """Return a model's logged input example as MLflow's `dataframe_split`; raises `NotFound` where it has none."""
    mlflow = Mlflow(grant.account_id)
    found = mlflow.version(name, version)
    target = version_target(name, version)
    try:
        example = read_json(mlflow, mlflow.root_of(found), "serving_input_example.json")
    except NotFound:
        raise NotFound(
            "model.no_example", _("%(model)s was logged without an input example.") % {"model": target.label}
        ) from None
    audit.record("model.example", target)
    frame = example.get("dataframe_split") if isinstance(example, dict) else None
    if not isinstance(frame, dict):
        raise Unprocessable(
            "model.example_form",
            _("The input example of %(model)s is not a table.") % {"model": target.label},
        )
    return frame
