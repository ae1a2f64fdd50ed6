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
        from accounts.rotation import check_root_keys
        from clusters.local.agent import Agent
        from clusters.local.leadership import AlreadyRunning

        if problem := check_root_keys():
            sys.exit(problem)
        try:
            agent = Agent()
        except AlreadyRunning as other:
            sys.exit(str(other))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: agent.request_stop())
        agent.run()
