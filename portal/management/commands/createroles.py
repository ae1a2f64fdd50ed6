from typing import Any

from django.core.management.base import BaseCommand

from portal.engines.roles import script


class Command(BaseCommand):
    help = "Print the SQL with which a database administrator prepares an outside PostgreSQL server."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(script(), ending="")
