from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProjectsConfig(AppConfig):
    name = "projects"

    def ready(self) -> None:
        from projects import notifications, operations
        from projects.delivery import deliver

        operations.register(notifications.DELIVER, deliver, label=_("Delivery of a notice"), unattended=True)
        notifications.register_notice("webhook.test", _("Trial of a webhook"))
