"""Registered models, their versions and aliases."""

from accounts.errors import Conflict
from registry.mlflow.entities import ModelVersion, Page, RegisteredModel
from registry.mlflow.session import V2, Pairs, Session, listed, page_token


class Registered(Session):
    """An account's model registry."""

    __slots__ = ()

    def search_models(self, filter: str = "", *, limit: int = 100, token: str = "") -> Page[RegisteredModel]:
        """Return a page of registered models by name."""
        found = self.get(
            f"{V2}/registered-models/search", filter=filter, max_results=limit, page_token=page_token(token)
        )
        items = found.get("registered_models", ())
        return Page([RegisteredModel.of(item) for item in items], found.get("next_page_token", ""))

    def model(self, name: str) -> RegisteredModel:
        """Return one registered model."""
        return RegisteredModel.of(self.get(f"{V2}/registered-models/get", name=name)["registered_model"])

    def ensure_model(self, name: str, description: str = "") -> RegisteredModel:
        """Return the registered model of this name, made if there is none."""
        try:
            made = self.send("POST", f"{V2}/registered-models/create", name=name, description=description)
        except Conflict:
            return self.model(name)
        return RegisteredModel.of(made["registered_model"])

    def search_versions(self, filter: str = "", *, limit: int = 100, token: str = "") -> Page[ModelVersion]:
        """Return a page of model versions, the newest first; `filter` in MLflow's language (`name='…'`)."""
        found = self.get(
            f"{V2}/model-versions/search",
            filter=filter,
            max_results=limit,
            page_token=page_token(token),
            order_by=["creation_timestamp DESC"],
        )
        return Page(
            [ModelVersion.of(item) for item in found.get("model_versions", ())],
            found.get("next_page_token", ""),
        )

    def versions(self, name: str) -> list[ModelVersion]:
        """Return a model's versions, the newest first; at most 1000."""
        quoted = name.replace("'", "''")
        found = self.search_versions(f"name = '{quoted}'", limit=1000).items
        return sorted(found, key=lambda item: -item.version)

    def version(self, name: str, version: int) -> ModelVersion:
        """Return one version."""
        return ModelVersion.of(
            self.get(f"{V2}/model-versions/get", name=name, version=str(version))["model_version"]
        )

    def version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """Return the version that an alias points to."""
        return ModelVersion.of(
            self.get(f"{V2}/registered-models/alias", name=name, alias=alias)["model_version"]
        )

    def create_version(
        self,
        name: str,
        source: str,
        *,
        run_id: str = "",
        model_id: str = "",
        description: str = "",
        tags: Pairs | None = None,
    ) -> ModelVersion:
        """Register what lies at `source` (`models:/m-…` with its model_id, or below the run's artifact
        address).
        """
        made = self.send(
            "POST",
            f"{V2}/model-versions/create",
            name=name,
            source=source,
            run_id=run_id or None,
            model_id=model_id or None,
            description=description or None,
            tags=listed(tags),
        )
        return ModelVersion.of(made["model_version"])

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Point an alias to a version."""
        self.send("POST", f"{V2}/registered-models/alias", name=name, alias=alias, version=str(version))

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias."""
        self.send("DELETE", f"{V2}/registered-models/alias", name=name, alias=alias)

    def set_version_tag(self, name: str, version: int, key: str, value: str) -> None:
        """Set one tag of a version."""
        self.send(
            "POST", f"{V2}/model-versions/set-tag", name=name, version=str(version), key=key, value=value
        )
