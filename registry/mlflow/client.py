"""The portal's own client of MLflow: always bound to one account, whose workspace every request names.

For actions, pages and workers (synchronous). Every method raises `NotFound` for what is not in this account's
workspace, `Unavailable` while MLflow starts, and the other `PortalError`s for what MLflow refuses; none of
MLflow's texts reaches a person unredacted.
"""

from registry.mlflow.artifacts import FILES
from registry.mlflow.entities import Artifact, ModelVersion
from registry.mlflow.files import Files
from registry.mlflow.registered import Registered
from registry.mlflow.runs import Runs
from registry.mlflow.session import V2

__all__ = ["FILES", "V2", "Mlflow"]


class Mlflow(Runs, Files, Registered):
    """MLflow as one account sees it: `Mlflow(account_id).run(run_id)`."""

    __slots__ = ()

    def root_of(self, version: ModelVersion) -> str:
        """Return the artifact address of a version's files."""
        if version.model_id:
            return self.logged_model(version.model_id).artifact_uri
        return self.download_uri(version)

    def download_uri(self, version: ModelVersion) -> str:
        """Return the address from which MLflow's clients load a version."""
        found = self.get(
            f"{V2}/model-versions/get-download-uri", name=version.name, version=str(version.version)
        )
        return str(found["artifact_uri"])

    def files_of(self, version: ModelVersion) -> tuple[str, list[Artifact]]:
        """Return the artifact address of a version's files and all of them, folders walked through."""
        root = self.root_of(version)
        return root, list(self.walk(root))
