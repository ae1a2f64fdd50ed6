from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProjectsConfig(AppConfig):
    name = "projects"

    def ready(self) -> None:
        from accounts.actions.platform_role import register_end
        from accounts.credentials.dependants import register_dependants
        from accounts.crypto.columns import register_column
        from accounts.groups import register_roles
        from projects import (
            audit_verification,
            credential_tests,
            disposal,
            kinds,
            lease_checks,
            notifications,
            operations,
        )
        from projects.actions import account_key, key_destruction
        from projects.actions.group_roles import give_roles
        from projects.actions.lifecycle import CLOSE
        from projects.actions.platform_tokens import end_platform_tokens
        from projects.delivery import deliver
        from projects.dependants import links, webhooks
        from projects.forwarding import alarms
        from projects.reviews import gatherers, reminders

        register_column("projects.OperationLog", "sealed", field="sealed")
        operations.register(notifications.DELIVER, deliver, label=_("Delivery of a notice"), unattended=True)
        notifications.register_notice(alarms.NOTICE, _("Forwarding of the audit log"))
        notifications.register_notice(reminders.NOTICE, _("Overdue monthly reviews"))
        notifications.register_notice("webhook.test", _("Trial of a webhook"))
        operations.register(
            credential_tests.KIND,
            credential_tests.advance,
            retry=credential_tests.retry_test,
            label=_("Test of a credential"),
        )
        operations.register(
            audit_verification.KIND, audit_verification.advance, label=_("Verification of the audit log")
        )
        notifications.register_notice(audit_verification.NOTICE, _("Audit log"))
        operations.register(lease_checks.KIND, lease_checks.advance, label=_("Try of a lent credential"))
        register_roles(give_roles)
        register_end("platform_tokens", end_platform_tokens)
        operations.register(CLOSE, disposal.advance, label=_("Closing of an account"), unattended=True)
        register_dependants(webhooks)
        operations.register(
            account_key.ROTATE, account_key.advance, label=_("Rotation of the protection key")
        )
        operations.register(
            key_destruction.SHRED,
            key_destruction.advance,
            ended=key_destruction.ended,
            label=_("Destruction of a protection key"),
            unattended=True,
        )
        kinds.register()
        gatherers.register()
        register_dependants(links)
