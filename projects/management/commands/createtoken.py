"""Make an API token for a member of a project, and print it once as JSON."""

import json
import re
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import audit
from accounts.errors import PortalError
from accounts.models import User
from accounts.tenancy import scope
from projects.actions.tokens import make_token
from projects.holdings import holding_of
from projects.lookups import account_of_slug
from projects.permissions import Role

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def lifetime(text: str) -> timedelta:
    """Read "30m", "12h" or "7d"."""
    match = re.fullmatch(r"(\d{1,5})([mhd])", text)
    if match is None:
        raise CommandError(f"--expires {text!r} is not a duration. Write 30m, 12h or 7d.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


class Command(BaseCommand):
    help = "Make an API token for a member of a project. Prints JSON; the token is shown only here."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", required=True)
        parser.add_argument("--project", required=True, help="the project's slug")
        parser.add_argument("--role", default="", help="at most the user's own role, which is the default")
        parser.add_argument("--name", default="operator's command")
        parser.add_argument("--expires", default="7d", help="30m, 12h, 7d (the default)")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username__iexact=options["user"]).first()
        account_id = account_of_slug(options["project"])
        if user is None or account_id is None:
            missing = f"user “{options['user']}”" if user is None else f"project “{options['project']}”"
            raise CommandError(f"There is no {missing}.")
        with audit.acting_as(audit.SYSTEM, via="command"), scope(account_id):
            held = holding_of(user.pk)
            try:
                token, text = make_token(
                    user,
                    name=options["name"],
                    role=options["role"] or (held.role if held else Role.VIEWER),
                    lifetime=lifetime(options["expires"]),
                )
            except PortalError as error:
                raise CommandError(str(error)) from None
        self.stdout.write(
            json.dumps(
                {
                    "id": str(token.pk),
                    "token": text,
                    "role": token.role,
                    "expires_at": token.expires_at.isoformat(),
                }
            )
        )
