import signal
import sys
from typing import Any

from django.core.management.base import BaseCommand

from clusters.local import kernel


class Command(BaseCommand):
    help = "Run the agent of the portal's machine: starts, watches, stops jobs and services. One per portal."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        if not kernel.IS_LINUX:
            sys.exit("The local cluster needs Linux: its walls are namespaces.")
        from clusters.local.agent import Agent
        from clusters.local.leadership import AlreadyRunning

        try:
            agent = Agent()
        except AlreadyRunning as problem:
            sys.exit(str(problem))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: agent.request_stop())
        agent.run()
