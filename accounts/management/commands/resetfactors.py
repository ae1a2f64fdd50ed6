"""Take away the second factors of somebody who has lost them, and end their sessions."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts import audit
from accounts.actions.factors import remove_all_factors
from accounts.actions.sessions import end_all_sessions
from accounts.models import User


class Command(BaseCommand):
    help = (
        "Take away a person's second factors and end their sessions; they sign in with their password alone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username__iexact=options["username"]).first()
        if user is None:
            raise CommandError(f"There is nobody called {options['username']}.")
        with audit.acting_as(audit.SYSTEM, via="command"), transaction.atomic():
            count = remove_all_factors(user)
            end_all_sessions(user)
        self.stdout.write(f"{user.username}: {count} second factors taken away, sessions ended.")
