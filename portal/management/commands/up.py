import sys
from argparse import REMAINDER, ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from portal.supervisor.up import main


class Command(BaseCommand):
    help = (
        "Start everything on this machine: engines, MLflow, web, worker, clock and agent. Ctrl-C ends it all."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--then", nargs=REMAINDER, default=[], help="a command to run once every engine is ready"
        )

    def handle(self, *args: Any, then: list[str], **options: Any) -> None:
        sys.exit(main(["--then", *then] if then else []))
