"""What a call to MLflow may name: its ids, its sources and, with a run-scoped token, its run.

A run-scoped token (one minted for a training job) reads what its permissions allow and writes to its own run
only: to log, to nest new runs in it, to log models from it and files below it, and to register what it made.
It creates no experiments and deletes nothing but files of its own run.
"""

import json
from typing import TYPE_CHECKING, Any

from projects.doors.grant import Grant
from registry.mlflow import artifacts, defaults, guards, ownership
from registry.mlflow.routes import V2, V3, Bound, Kind

if TYPE_CHECKING:
    from registry.mlflow.gateway import Call

_DEFAULT_EXPERIMENT = ("experiment_id", "experimentId")


async def check(grant: Grant, call: "Call") -> None:
    """Raise unless everything that the call names is this account's, and within the reach of a run-scoped
    token.
    """
    body = call.body if call.body is not None else {}
    if dataset := call.match.variables.get("dataset_id"):
        await ownership.require_dataset(grant.account_id, dataset)
    if call.body is not None:
        call.target = _target(call, body)
        source_run = _check_body(call, body)
        await _check_references(grant, call, body, source_run)
    if call.match.route.kind is Kind.DOWNLOAD or call.match.route.bound is Bound.ANY:
        await _default_experiment(grant, call)
        return
    await _default_experiment(grant, call)
    if grant.actor.kind == "run":
        await _check_run(grant, call, body)


def _target(call: "Call", body: dict[str, Any]) -> str:
    name = call.match.route.target
    if not name:
        return ""
    found = call.match.variables.get(name) or guards.text(body, name)
    if not found and name == "run_id":
        found = guards.text(body, "run_uuid")
    return found


def _check_body(call: "Call", body: dict[str, Any]) -> str:
    if call.path == f"{V2}/experiments/create":
        guards.check_experiment(body)
    if call.path == f"{V2}/model-versions/create":
        return guards.check_source(body, call.workspace)
    if call.path.startswith((f"{V2}/traces", f"{V3}/traces")):
        guards.check_trace(body)
    return ""


async def _check_references(grant: Grant, call: "Call", body: dict[str, Any], source_run: str) -> None:
    """What MLflow itself would take unseen from another workspace."""
    if call.match.route.kind is Kind.READ:
        return
    runs: set[str] = {source_run, guards.text(body, "source_run_id")}
    if call.path == f"{V2}/model-versions/create":
        runs |= guards.run_ids(body)
    await ownership.require_runs(grant.account_id, runs - {""})
    await ownership.require_models(grant.account_id, guards.model_ids(body))


async def _check_run(grant: Grant, call: "Call", body: dict[str, Any]) -> None:
    own, account = grant.run_id, grant.account_id
    bound = call.match.route.bound
    runs: set[str] = set()
    models: set[str] = set()
    if bound is Bound.RUN:
        runs = guards.run_ids(body) or {""}
    elif bound is Bound.NESTED:
        runs = {guards.tag(body, guards.PARENT_RUN)}
    elif bound is Bound.SOURCE:
        runs = {guards.text(body, "source_run_id")}
    elif bound is Bound.MODEL:
        models = {call.match.variables["model_id"]}
    elif bound is Bound.PLACE:
        place = artifacts.place_of(call.match.variables["path"], call.workspace)
        if place.model_id:
            models = {place.model_id}
        else:
            runs = {place.run_id}
    elif bound is Bound.NEW:
        if call.path == f"{V2}/model-versions/create":
            models = guards.model_ids(body)
            runs = guards.run_ids(body) or (set() if models else {""})
    else:
        raise ownership.not_own(own)
    for run_id in runs:
        await ownership.require_own_run(account, own, run_id)
    for model_id in models:
        await ownership.require_own_model(account, own, model_id)


async def _default_experiment(grant: Grant, call: "Call") -> None:
    """A client that chose no experiment says 0, MLflow's one default experiment: here it means the account's
    own.
    """
    if call.path == f"{V2}/experiments/get":
        call.query = [
            (
                name,
                await defaults.experiment(grant.account_id)
                if (name, value) == ("experiment_id", "0")
                else value,
            )
            for name, value in call.query
        ]
    if call.body is None or call.path not in (f"{V2}/runs/create", f"{V2}/logged-models"):
        return
    if str(guards.field(call.body, "experiment_id") or "0") == "0":
        rest = {name: value for name, value in call.body.items() if name not in _DEFAULT_EXPERIMENT}
        call.body = {**rest, "experiment_id": await defaults.experiment(grant.account_id)}
        call.raw = json.dumps(call.body).encode()
