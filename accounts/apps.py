from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts.credentials import databases, hosts, register_tester, s3, sts
        from accounts.leases import register_broker
        from accounts.models import Credential

        register_tester(Credential.Kind.S3, s3.try_s3)
        register_broker(Credential.Kind.S3, sts.assume_role)
        register_tester(Credential.Kind.DATABASE, databases.try_database)
        register_tester(Credential.Kind.GIT, hosts.try_git)
        register_tester(Credential.Kind.REGISTRY, hosts.try_registry)
        register_tester(Credential.Kind.WEBHOOK, hosts.try_webhook)
