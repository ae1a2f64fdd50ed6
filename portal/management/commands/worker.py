from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Run a worker: claims operations, runs the sweeps. Threads, since its tasks wait more than they compute."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--concurrency", type=int, default=8, help="tasks at the same time (8)")

    def handle(self, *args: Any, concurrency: int, **options: Any) -> None:
        from portal.boot import refuse_wrong_root_key
        from portal.celery import app

        refuse_wrong_root_key()
        app.worker_main(
            [
                "worker",
                *("--pool", "threads", "--concurrency", str(concurrency), "--loglevel", "INFO"),
                *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            ]
        )
