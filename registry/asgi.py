"""The registry's plain ASGI routes: regular expression of the path, and the application behind it."""

from projects.doors.asgi import ProjectApp
from registry.datasets.transfers import ROUTES as DATASETS
from registry.endpoints.gateway import Invocations
from registry.mlflow.gateway import MlflowGateway
from registry.tracking.downloads import ArtifactDownload
from registry.training.transfers import ArchiveUpload, JobEvents

_PROJECT = r"^/api/v1/projects/(?P<slug>[^/]+)"

routes: list[tuple[str, type[ProjectApp]]] = [
    (rf"{_PROJECT}/mlflow/(?P<path>(?s:.*))$", MlflowGateway),
    (rf"{_PROJECT}/endpoints/(?P<name>[^/]+)/invocations$", Invocations),
    *DATASETS,
    (rf"{_PROJECT}/runs/(?P<run_id>[0-9a-f]{{32}})/artifacts/(?P<path>(?s:.+))$", ArtifactDownload),
    (rf"{_PROJECT}/training-projects/(?P<name>[^/]+)/archive$", ArchiveUpload),
    (rf"{_PROJECT}/training-jobs/(?P<number>[0-9]{{1,9}})/events$", JobEvents),
]
