import sys
from typing import Any

from django.core.management.base import BaseCommand

from portal.supervisor.up import main


class Command(BaseCommand):
    help = "Start everything on this machine: engines, MLflow, web, worker, clock and agent. Ctrl-C ends it all."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(main())
