import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from portal.locations import make_private
from registry.mlflow.server import launch_spec


class Command(BaseCommand):
    help = "Run the MLflow server in this process's place, in an environment that holds only what it needs."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        make_private(Path(settings.ARTIFACT_ROOT))
        command, environment = launch_spec()
        os.execvpe(command[0], command, environment)  # noqa: S606  # no shell is the point
