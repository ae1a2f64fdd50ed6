from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Run the clock that sends the regular tasks. One per installation."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        from portal.celery import app

        # Every entry is a plain interval: nothing worth a file survives a restart.
        app.Beat(scheduler_cls="celery.beat:Scheduler", loglevel="INFO", quiet=True).run()
