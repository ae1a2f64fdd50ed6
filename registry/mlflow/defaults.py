"""The experiment of an account whose client chose none.

MLflow has one for the whole server, with id 0, in its default workspace, which no account may enter. Here
each account gets its own, named as MLflow names it, made when it is first needed.
"""

from uuid import UUID

from registry.mlflow.failures import error_of
from registry.mlflow.ownership import Remembered
from registry.mlflow.routes import V2
from registry.mlflow.transport import async_client, get_json, reachable
from registry.mlflow.workspaces import HEADER, workspace_of

NAME = "Default"
_found = Remembered()


async def experiment(account_id: UUID) -> str:
    """Return the id of the account's default experiment, making it if there is none."""
    known = _found.get(account_id, NAME)
    if known is not None:
        return known
    there = await get_json(account_id, f"{V2}/experiments/get-by-name", experiment_name=NAME)
    if there is None:
        with reachable():
            made = await async_client().post(
                f"{V2}/experiments/create", json={"name": NAME}, headers={HEADER: workspace_of(account_id)}
            )
        if made.status_code >= 400 and '"RESOURCE_ALREADY_EXISTS"' not in made.text:
            raise error_of(made)
        there = await get_json(account_id, f"{V2}/experiments/get-by-name", experiment_name=NAME)
    return _found.put(account_id, NAME, str(there["experiment"]["experiment_id"]) if there else "0")
