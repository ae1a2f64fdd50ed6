"""`manage.py checktranslations`: fails where a message has no translation, a doubtful one or a broken one."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.translations import catalogues, collect, complaints


class Command(BaseCommand):
    """Compares the catalogues with a fresh collection of the sources; needs requirements/dev.txt."""

    help = "Fail on untranslated, fuzzy, missing, unused or broken messages."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        messages = collect(settings.CODE)
        wrong = 0
        for catalogue in catalogues(settings.CODE):
            for complaint in sorted(complaints(catalogue, messages)):
                self.stderr.write(f"{catalogue.relative_to(settings.CODE)}: {complaint}")
                wrong += 1
        if wrong:
            raise CommandError(f"{wrong} translations to mend. For new messages: manage.py maketranslations.")
        self.stdout.write(f"{len(messages)} messages, all translated.")
