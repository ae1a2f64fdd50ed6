from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "registry"

    def ready(self) -> None:
        from clusters.local import hooks
        from projects import operations
        from registry.training import git, run, workload
        from registry.training.launch import KIND

        operations.register(KIND, run.advance)
        operations.register(git.KIND, git.advance)
        hooks.prepare(workload.OWNER, workload.prepare)
        hooks.register_secrets(workload.OWNER, workload.secrets)
        hooks.on_change(workload.OWNER, workload.changed)
