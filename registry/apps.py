from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RegistryConfig(AppConfig):
    name = "registry"

    def ready(self) -> None:
        from accounts.crypto.columns import register_column
        from clusters.local import hooks
        from projects import lifecycle, operations
        from projects.reviews.findings import register_findings
        from registry import kinds
        from registry.datasets.actions.versions import PROFILE
        from registry.datasets.deletion import asking, destroying, telling
        from registry.datasets.operations import profile_version
        from registry.datasets.reviews import dataset_grants
        from registry.endpoints import actions, deploy
        from registry.endpoints import workload as server
        from registry.lifecycle import delete_files, delete_mlflow, start_endpoints
        from registry.promotions import actions as promotions
        from registry.promotions import move
        from registry.training import ending, git, launch, run, workload

        register_column("registry.Blob", "wrapped_key", field="content", blob=True)
        operations.register(PROFILE, profile_version, label=_("Profile of a dataset"))
        # Once begun it is finished, whoever asked has left meanwhile.
        operations.register(
            asking.KIND,
            destroying.advance,
            ended=telling.ended,
            label=_("Deletion of a dataset"),
            unattended=True,
        )
        operations.register(
            launch.KIND, run.advance, retry=launch.retry_operation, ended=ending.ended, label=_("Training")
        )
        operations.register(
            promotions.KIND,
            move.advance,
            retry=promotions.retry_operation,
            ended=move.ended,
            label=_("Promotion of a model"),
        )
        operations.register(git.KIND, git.advance, patience=git.PATIENCE, label=_("Fetch from git"))
        hooks.prepare(workload.OWNER, workload.prepare)
        hooks.register_secrets(workload.OWNER, workload.secrets)
        hooks.on_change(workload.OWNER, workload.changed)
        operations.register(
            actions.KIND,
            deploy.advance,
            retry=actions.retry_operation,
            ended=deploy.ended,
            label=_("Deployment"),
        )
        hooks.prepare(actions.OWNER, server.prepare)
        hooks.register_secrets(actions.OWNER, server.secrets)
        hooks.on_change(actions.OWNER, server.changed)
        kinds.register()
        register_findings(dataset_grants)
        lifecycle.on_account_reopened(start_endpoints)
        lifecycle.register_disposal("files", delete_files)
        lifecycle.register_disposal("mlflow", delete_mlflow)
