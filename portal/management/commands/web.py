import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from portal.serve import serve


class Command(BaseCommand):
    help = "Run one web process on PORTAL_BIND and PORTAL_PORT, or on an inherited socket."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--fd", type=int, help="file descriptor of a listening socket")
        parser.add_argument(
            "--gate", type=int, help="file descriptor of a pipe; serve once its other end is closed"
        )

    def handle(self, *args: Any, fd: int | None, gate: int | None, **options: Any) -> None:
        sys.exit(serve(fd, gate))
