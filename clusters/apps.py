from django.apps import AppConfig


class ClustersConfig(AppConfig):
    name = "clusters"

    def ready(self) -> None:
        from accounts.credentials import register_tester
        from accounts.models import Credential
        from clusters.credential import try_kubernetes

        register_tester(Credential.Kind.KUBECONFIG, try_kubernetes)
