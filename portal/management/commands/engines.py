import os
import signal
import subprocess
import sys
from argparse import REMAINDER, ArgumentParser
from contextlib import ExitStack
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.engines.errors import EngineError
from portal.engines.lock import held
from portal.engines.postgres import Postgres
from portal.engines.redis import Redis
from portal.locations import UnusableFolder


class Command(BaseCommand):
    help = "Run only the embedded PostgreSQL and Redis: until Ctrl-C, or for the length of the command that follows."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("command", nargs=REMAINDER, help="e.g. `engines python manage.py migrate`")

    def handle(self, *args: Any, command: list[str], **options: Any) -> None:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            with ExitStack() as stack:
                stack.enter_context(held(settings.LOCATIONS, "engines"))
                if settings.ENVIRONMENT.embedded_database:
                    stack.enter_context(Postgres(settings.LOCATIONS).running())
                if settings.ENVIRONMENT.embedded_redis:
                    stack.enter_context(Redis(settings.LOCATIONS).running())
                if command:
                    environment = {k: v for k, v in os.environ.items() if k != "PORTAL_DATABASE_ROLE"}
                    status = subprocess.run(command, env=environment, check=False).returncode
                    if status:
                        sys.exit(status)
                    return
                self.stdout.write(
                    f"PostgreSQL and Redis answer on sockets in {settings.RUN}. Ctrl-C ends them."
                )
                signal.pause()
        except (EngineError, UnusableFolder) as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            self.stdout.write("")
