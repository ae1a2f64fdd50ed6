"""The things that routes of the registry floor are called with, made by the floor's own actions.

Experiments, runs and models live in MLflow, which these tests do not start: their routes are tried up to the door,
and the floor's own tests try other tenants' ids against the real server.
"""

import tempfile
from pathlib import Path
from typing import Any

from projects.models import Project, State
from registry.blobs.writer import BlobWriter
from registry.datasets.actions.datasets import create_dataset
from registry.datasets.actions.uploads import add_file, begin_upload
from registry.datasets.actions.versions import open_version
from registry.endpoints.actions import create_endpoint
from registry.models import TrainingJob, TrainingProject, TrainingSource
from registry.training.sources import add_source
from tests.access_matrix.arguments import ME, PAGE, make_operation, owner_of
from tests.access_matrix.registry import arguments
from tests.cast import Cast

ASGI = "/api/v1/projects/{slug}/"
MLPROJECT = "name: it\npython_env: python_env.yaml\nentry_points:\n  main:\n    command: 'python -c 1'\n"
PYTHON_ENV = "python: '3.11'\ndependencies: []\n"
RUN = "0123456789abcdef0123456789abcdef"


@arguments(
    f"{ME}datasets/<str:name>",
    f"{ME}datasets/<str:name>/versions",
    f"{PAGE}datasets/<str:name>/",
    f"{PAGE}datasets/<str:name>/versions/",
)
@arguments(f"{ASGI}datasets/{{name}}/upload", query="path=a.csv")
def dataset(cast: Cast, project: Project) -> dict[str, Any]:
    with cast.inside(owner_of(cast, project), project) as grant:
        return {"name": create_dataset(grant, f"d-{project.slug}").name}


def make_version(cast: Cast, project: Project) -> dict[str, Any]:
    """An open version with one file in it."""
    with cast.inside(owner_of(cast, project), project) as grant:
        version = open_version(grant, create_dataset(grant, f"v-{project.slug}"))
        with BlobWriter.open(grant.account_id) as writer:
            writer.append(b"a,b\n1,2\n")
            blob = writer.finish()
        add_file(version, "a.csv", blob.pk, blob.size, blob.sha256)
        upload, _new = begin_upload(grant, version, "b.csv", size=4)
        return {
            "name": version.dataset.name,
            "number": version.number,
            "path": "a.csv",
            "upload_id": upload.pk,
            "pk": upload.pk,
            "version": version.pk,
        }


def _part(*names: str) -> Any:
    def make(cast: Cast, project: Project) -> dict[str, Any]:
        made = make_version(cast, project)
        return {name: made[name] for name in names}

    return make


@arguments(f"{PAGE}audit/seen/<uuid:pk>/")
def seen_version(cast: Cast, project: Project) -> dict[str, Any]:
    return {"pk": make_version(cast, project)["version"]}


VERSION = "datasets/<str:name>/versions/<int:number>"
arguments(
    f"{ME}{VERSION}",
    f"{ME}{VERSION}/seal",
    f"{ME}{VERSION}/seen",
    f"{ME}{VERSION}/seen/events",
    f"{ME}{VERSION}/files",
    f"{ME}{VERSION}/uploads",
    f"{PAGE}{VERSION}/",
    f"{PAGE}{VERSION}/uploads/",
)(_part("name", "number"))
arguments(
    f"{ME}{VERSION}/profile", f"{ME}{VERSION}/preview", f"{PAGE}{VERSION}/preview/", query="path=a.csv"
)(_part("name", "number"))
arguments(f"{PAGE}{VERSION}/uploads/<uuid:pk>/")(_part("name", "number", "pk"))
arguments(
    f"{ASGI}datasets/{{name}}/versions/{{number}}/uploads/{{upload_id}}",
    f"{ASGI}datasets/{{name}}/versions/{{number}}/uploads/{{upload_id}}/finish",
)(_part("name", "number", "upload_id"))
arguments(f"{ASGI}datasets/{{name}}/versions/{{number}}/files/{{path}}")(_part("name", "number", "path"))


def make_source(cast: Cast, project: Project) -> TrainingSource:
    """A training project with one source."""
    with cast.inside(owner_of(cast, project), project) as grant, tempfile.TemporaryDirectory() as folder:
        Path(folder, "MLproject").write_text(MLPROJECT)
        Path(folder, "python_env.yaml").write_text(PYTHON_ENV)
        training = TrainingProject(name=f"t-{project.slug[-6:]}", created_by_label="alice")
        training.save(force_insert=True)
        return add_source(grant, training, Path(folder), kind=TrainingSource.Kind.ARCHIVE)


@arguments(
    f"{ME}training-projects/<str:name>",
    f"{ME}training-projects/<str:name>/sources",
    f"{ASGI}training-projects/{{name}}/archive",
    f"{PAGE}training/projects/<str:name>/",
)
def training_project(cast: Cast, project: Project) -> dict[str, Any]:
    return {"name": make_source(cast, project).project.name}


def make_job(cast: Cast, project: Project, state: str) -> dict[str, Any]:
    """A training job; those of the two accounts have different numbers, which one account alone would share."""
    source, operation = make_source(cast, project), make_operation(cast, project, state)
    with cast.inside(owner_of(cast, project), project):
        job = TrainingJob(
            number=7 if project.pk == cast.acme.pk else 8,
            source=source,
            operation=operation,
            entry_point="main",
            command="python -c 1",
            experiment_name="it",
            limits={"cpus": 1, "memory": 1 << 30, "seconds": 600},
            created_by_label="alice",
        )
        job.save(force_insert=True)
        return {"number": job.number}


@arguments(
    f"{ME}training-jobs/<int:number>",
    f"{ME}training-jobs/<int:number>/log",
    f"{ASGI}training-jobs/{{number}}/events",
    f"{PAGE}training/<int:number>/",
)
def job(cast: Cast, project: Project) -> dict[str, Any]:
    return make_job(cast, project, State.SUCCEEDED)


@arguments(f"{PAGE}training/new/", absent=frozenset({"POST"}))
def nothing(cast: Cast, project: Project) -> dict[str, Any]:
    """A form that names no source is told that there is no such source."""
    return {}


@arguments(f"{ME}training-jobs/<int:number>/cancel")
def running_job(cast: Cast, project: Project) -> dict[str, Any]:
    return make_job(cast, project, State.QUEUED)


@arguments(f"{ME}training-jobs/<int:number>/retry")
def failed_job(cast: Cast, project: Project) -> dict[str, Any]:
    return make_job(cast, project, State.FAILED)


@arguments(
    f"{ME}endpoints/<str:name>",
    f"{ME}endpoints/<str:name>/revisions",
    f"{ME}endpoints/<str:name>/deploy",
    f"{ME}endpoints/<str:name>/start",
    f"{ME}endpoints/<str:name>/stop",
    f"{ME}endpoints/<str:name>/log",
    f"{ASGI}endpoints/{{name}}/invocations",
    f"{PAGE}endpoints/<str:name>/",
)
def endpoint(cast: Cast, project: Project) -> dict[str, Any]:
    with cast.inside(owner_of(cast, project), project) as grant:
        return {"name": create_endpoint(grant, f"e-{project.slug[-6:]}").name}


def _in_mlflow(**values: Any) -> Any:
    def make(cast: Cast, project: Project) -> dict[str, Any]:
        return dict(values)

    return make


arguments(
    f"{ME}experiments/<int:experiment_id>",
    f"{ME}experiments/<int:experiment_id>/runs",
    f"{PAGE}experiments/<int:experiment_id>/",
)(_in_mlflow(experiment_id=1))
arguments(f"{ME}runs/<run_id:run_id>", f"{ME}runs/<run_id:run_id>/artifacts", f"{PAGE}runs/<run_id:run_id>/")(
    _in_mlflow(run_id=RUN)
)
arguments(f"{PAGE}wafers/<run_id:run_id>/data/")(_in_mlflow(run_id=RUN))
arguments(f"{ME}runs/<run_id:run_id>/metrics/<path:key>")(_in_mlflow(run_id=RUN, key="loss"))
arguments(f"{ASGI}runs/{{run_id}}/artifacts/{{path}}")(_in_mlflow(run_id=RUN, path="model.pkl"))
arguments(f"{ME}models/<str:name>", f"{ME}models/<str:name>/versions", f"{PAGE}models/<str:name>/")(
    _in_mlflow(name="yield")
)
arguments(
    f"{ME}models/<str:name>/versions/<int:number>",
    f"{ME}models/<str:name>/versions/<int:number>/input-example",
)(_in_mlflow(name="yield", number=1))
arguments(f"{ME}models/<str:name>/aliases/<str:alias>")(_in_mlflow(name="yield", alias="champion"))
arguments(
    f"{ASGI}mlflow/{{path}}", permissions={"GET": "mlflow.read", "POST": "mlflow.read"}, query="max_results=5"
)(_in_mlflow(path="api/2.0/mlflow/experiments/search"))
