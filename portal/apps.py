from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        # Makes it Celery's current application: every process that writes operations down can wake a worker.
        from portal.celery import app

        app.set_default()
