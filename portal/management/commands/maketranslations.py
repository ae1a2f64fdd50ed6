"""`manage.py maketranslations`: put new messages of the sources into the catalogues."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from portal.translations import catalogues, collect, merge


class Command(BaseCommand):
    """Needs requirements/dev.txt."""

    help = "Collect new messages into locale/*/LC_MESSAGES/django.po, and drop unused ones."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        messages = collect(settings.CODE)
        for catalogue in catalogues(settings.CODE):
            new, gone = merge(catalogue, messages)
            name = catalogue.relative_to(settings.CODE)
            self.stdout.write(f"{name}: {len(messages)} messages, {new} new, {gone} gone.")
