from django.apps import AppConfig


class ClustersConfig(AppConfig):
    name = "clusters"

    def ready(self) -> None:
        from accounts.credentials import register_tester
        from accounts.models import Credential
        from clusters.credential import try_kubernetes
        from clusters.lifecycle import remove_folders, running, stop_everything
        from projects.lifecycle import on_account_suspended, register_busy, register_disposal

        register_tester(Credential.Kind.KUBECONFIG, try_kubernetes)
        on_account_suspended(stop_everything)
        register_busy(running)
        register_disposal("workload_folders", remove_folders)
