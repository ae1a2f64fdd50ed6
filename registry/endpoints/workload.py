"""A model server as a workload: what runs, in which environment, with which token."""

import shutil
from datetime import timedelta
from functools import cache
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _
from packaging.requirements import Requirement

from accounts import audit
from accounts.audit import Actor
from accounts.errors import NotFound, TooLarge
from accounts.tenancy import scope
from clusters.local.hooks import Log
from clusters.models import Workload
from clusters.plans import SOCKET, EnvironmentPlan, Plan
from projects.actions.tokens import mint_run_token
from projects.models import Operation, Project, Token
from projects.operations import wake
from registry import serving
from registry.mlflow.client import Mlflow
from registry.mlflow.entities import ModelVersion
from registry.mlproject.documents import load_yaml, refused
from registry.models import Revision

PROGRAM = "serve.py"
TEXT_LIMIT = 1 << 20
# The token is needed to download the model when the server starts, and dropped before the model's code runs.
TOKEN_LIFETIME = timedelta(hours=1)
_MLFLOW = {"mlflow", "mlflow-skinny"}


@cache
def serving_requirements() -> tuple[str, ...]:
    """What MLflow's scoring server needs beyond a model's own list."""
    lines = (settings.CODE / "requirements" / "job.in").read_text("utf-8").splitlines()
    return tuple(text for line in lines if (text := line.partition("#")[0].strip()))


def environment_of(model_lines: list[str], python: str) -> EnvironmentPlan:
    """A model's own requirements, and of the server's only what the model does not name itself."""
    own = [
        text
        for line in model_lines
        if (text := line.partition(" #")[0].strip()) and not text.startswith(("#", "-"))
    ]
    named = {Requirement(text.split(" --hash=")[0].strip()).name.lower().replace("_", "-") for text in own}
    if named & _MLFLOW:
        named |= _MLFLOW
    missing = [line for line in serving_requirements() if Requirement(line).name.lower() not in named]
    return EnvironmentPlan(python=python, requirements=(*own, *missing))


def _text(mlflow: Mlflow, uri: str, name: str) -> str:
    """A small text file among a model's files; empty where there is none."""
    try:
        with mlflow.open_artifact(uri, name) as response:
            content = b""
            for piece in response.iter_bytes():
                content += piece
                if len(content) > TEXT_LIMIT:
                    raise TooLarge(
                        "model.file_too_large",
                        _("The model's %(name)s is too large to be a list.") % {"name": name},
                    )
    except NotFound:
        return ""
    return content.decode("utf-8", "replace")


def recorded_environment(mlflow: Mlflow, version: ModelVersion) -> tuple[list[str], str]:
    """Read the requirement lines and the Python version that were logged with a model."""
    uri = mlflow.root_of(version)
    lines = _text(mlflow, uri, "requirements.txt").splitlines()
    return lines, python_version(_text(mlflow, uri, "python_env.yaml"))


def python_version(python_env: str) -> str:
    """Return the minor version that a model's python_env.yaml asks for; empty where it asks for none.

    Raises `Unprocessable`: the file is a stranger's, and YAML can say a gigabyte in a few lines.
    """
    if not python_env.strip():
        return ""
    python = load_yaml("python_env.yaml", python_env.encode(), scalars_as_text=True).get("python") or ""
    if not isinstance(python, str):
        raise refused(
            "python_env.yaml", _("“%(python)s” is not a Python version such as 3.11.") % {"python": "…"}
        )
    return ".".join(python.split(".")[:2])


def plan_of(account_id: UUID, mlflow: Mlflow, version: ModelVersion) -> Plan:
    """What the cluster is asked to run for a model version; reads the model's files from MLflow."""
    lines, python = recorded_environment(mlflow, version)
    with scope(account_id):
        slug = Project.objects.values_list("slug", flat=True).get()
    return Plan(
        argv=(
            "python",
            PROGRAM,
            "--model",
            f"models:/{version.name}/{version.version}",
            "--socket",
            SOCKET,
            "--download-to",
            "model",
        ),
        env={
            "MLFLOW_TRACKING_URI": f"{settings.INTERNAL_URL}/api/v1/projects/{slug}/mlflow",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PYTHONUNBUFFERED": "1",
        },
        environment=environment_of(lines, python),
        health_path="/health",
        limits={"memory": 2 << 30},
    )


def prepare(workload: Workload, folder: Path, log: Log) -> None:
    """Put the serving program into the working folder."""
    shutil.copyfile(Path(serving.__file__).parent / PROGRAM, folder / PROGRAM)
    (folder / PROGRAM).chmod(0o644)


def secrets(workload: Workload) -> dict[str, str]:
    """Mint the token with which the server downloads its model."""
    with scope(workload.account_id):
        revision = Revision.objects.select_related("endpoint").get(pk=workload.owner_id)
        actor = Actor("run", str(revision.pk), revision.label, revision.created_by_label)
        with audit.acting_as(actor, via="task"):
            token = mint_run_token(
                user_id=revision.user_id,
                purpose=Token.Purpose.SERVING,
                name=revision.label,
                workload_id=workload.pk,
                run_id=revision.run_id,
                lifetime=TOKEN_LIFETIME,
            )
    return {"MLFLOW_TRACKING_TOKEN": token}


def changed(workload: Workload) -> None:
    """Wake the deployment that waits for this server."""
    with scope(workload.account_id):
        revision = Revision.objects.filter(pk=workload.owner_id).first()
        operation = Operation.objects.filter(pk=revision.operation_id).first() if revision else None
        if operation is not None:
            wake(operation)
