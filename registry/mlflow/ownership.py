"""Whose runs and models a request speaks of: looked up in the account's workspace, and remembered.

MLflow itself does not check the models that metrics, inputs and outputs name, nor the run of a model version:
it would write another tenant's, given its id. A run-scoped token is held to its own run here as well, and to
runs nested in it.
"""

from collections import OrderedDict
from collections.abc import Iterable
from urllib.parse import quote
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.errors import Forbidden, NotFound
from registry.mlflow.entities import LoggedModel, Run
from registry.mlflow.routes import V2, V3, WRITE
from registry.mlflow.transport import get_json

_DEEPEST = 5
_REMEMBERED = 20_000


class Remembered:
    """The last answers, by account and id. An id never moves to another account, so an answer stays true."""

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[UUID, str], str] = OrderedDict()

    def get(self, account_id: UUID, key: str) -> str | None:
        """Return what was remembered."""
        return self._found.get((account_id, key))

    def put(self, account_id: UUID, key: str, value: str) -> str:
        """Remember a value, forgetting the oldest beyond the limit."""
        self._found[account_id, key] = value
        while len(self._found) > _REMEMBERED:
            self._found.popitem(last=False)
        return value


_parents = Remembered()
_sources = Remembered()
_datasets = Remembered()


def run_not_found(run_id: str) -> NotFound:
    """The answer for a run that is not in this account's workspace."""
    return NotFound("run.not_found", _("There is no run “%(run)s” in this project.") % {"run": run_id[:64]})


def model_not_found(model_id: str) -> NotFound:
    """The answer for a logged model that is not in this account's workspace."""
    return NotFound(
        "logged_model.not_found",
        _("There is no logged model “%(model)s” in this project.") % {"model": model_id[:64]},
    )


async def parent_of(account_id: UUID, run_id: str) -> str:
    """Return the run that a run is nested in, or empty; raises `NotFound` where there is no such run here."""
    known = _parents.get(account_id, run_id)
    if known is not None:
        return known
    found = await get_json(account_id, f"{V2}/runs/get", run_id=run_id)
    if found is None:
        raise run_not_found(run_id)
    return _parents.put(account_id, run_id, Run.of(found["run"]).parent_id)


async def source_of(account_id: UUID, model_id: str) -> str:
    """Return the run that logged a model, or empty; raises `NotFound` where there is no such model here."""
    known = _sources.get(account_id, model_id)
    if known is not None:
        return known
    found = await get_json(account_id, f"{V2}/logged-models/{quote(model_id, safe='')}")
    if found is None:
        raise model_not_found(model_id)
    return _sources.put(account_id, model_id, LoggedModel.of(found["model"]).run_id)


async def require_runs(account_id: UUID, run_ids: Iterable[str]) -> None:
    """Raise `NotFound` unless all of these runs are this account's."""
    for run_id in run_ids:
        await parent_of(account_id, run_id)


async def require_models(account_id: UUID, model_ids: Iterable[str]) -> None:
    """Raise `NotFound` unless all of these logged models are this account's."""
    for model_id in model_ids:
        await source_of(account_id, model_id)


async def require_dataset(account_id: UUID, dataset_id: str) -> None:
    """Raise `NotFound` unless a dataset for evaluation is here; MLflow answers some of these with 500."""
    if _datasets.get(account_id, dataset_id) is not None:
        return
    if await get_json(account_id, f"{V3}/datasets/{quote(dataset_id, safe='')}") is None:
        raise NotFound(
            "evaluation_dataset.not_found",
            _("There is no evaluation dataset “%(dataset)s” in this project.") % {"dataset": dataset_id[:64]},
        )
    _datasets.put(account_id, dataset_id, dataset_id)


def not_own(own: str) -> Forbidden:
    """The answer to a run-scoped token that reaches beyond its run."""
    return Forbidden(
        "run.not_own",
        _("This token may write only to its own run %(run)s and to runs nested in it.") % {"run": own or "–"},
        permission=WRITE,
    )


async def require_own_run(account_id: UUID, own: str, run_id: str) -> None:
    """Raise `Forbidden` unless a run is `own`, or nested in it at most five deep."""
    at = run_id
    for _step in range(_DEEPEST):
        if own and at == own:
            return
        if not at:
            break
        at = await parent_of(account_id, at)
    raise not_own(own)


async def require_own_model(account_id: UUID, own: str, model_id: str) -> None:
    """Raise `Forbidden` unless a logged model comes from the token's own run."""
    source = await source_of(account_id, model_id)
    await require_own_run(account_id, own, source)
