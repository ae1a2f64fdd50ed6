"""The registry's plain ASGI routes: regular expression of the path, and the application behind it."""

from projects.doors.asgi import ProjectApp
from registry.mlflow.gateway import MlflowGateway

routes: list[tuple[str, type[ProjectApp]]] = [
    (r"^/api/v1/projects/(?P<slug>[^/]+)/mlflow/(?P<path>(?s:.*))$", MlflowGateway),
]
