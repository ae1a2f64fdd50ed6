"""`manage.py compiletranslations`: .po → .mo, on machines without gettext too."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from portal.translations import catalogues, compile_catalogue


class Command(BaseCommand):
    """Skips catalogues whose .mo is newer."""

    help = "Compile the catalogues of translations that have changed."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        for catalogue in catalogues(settings.CODE):
            done = compile_catalogue(catalogue)
            self.stdout.write(
                f"{catalogue.relative_to(settings.CODE)}: {'compiled' if done else 'up to date'}."
            )
