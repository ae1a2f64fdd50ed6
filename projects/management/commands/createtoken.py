"""Make an API token for a member of a project, or for a person with a platform role, and print it once as JSON."""

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
from projects.actions.platform_tokens import make_platform_token
from projects.actions.tokens import make_token
from projects.holdings import holding_of
from projects.lookups import account_of_slug
from projects.models import PlatformToken, Token
from projects.permissions import Role

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def lifetime(text: str) -> timedelta:
    """Read "30m", "12h" or "7d"."""
    match = re.fullmatch(r"(\d{1,5})([mhd])", text)
    if match is None:
        raise CommandError(f"--expires {text!r} is not a duration. Write 30m, 12h or 7d.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


class Command(BaseCommand):
    help = "Make an API token, for a project or with --platform. Prints JSON; the token is shown only here."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", required=True)
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--project", help="the project's slug")
        where.add_argument("--platform", action="store_true", help="for the platform role of --user")
        parser.add_argument("--role", default="", help="at most the user's own role, which is the default")
        parser.add_argument("--read-only", action="store_true", help="a platform token that changes nothing")
        parser.add_argument(
            "--address",
            action="append",
            default=[],
            help="a network (CIDR) it may be used from; may be repeated",
        )
        parser.add_argument("--name", default="operator's command")
        parser.add_argument("--expires", default="7d", help="30m, 12h, 7d (the default)")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username__iexact=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no user “{options['user']}”.")
        if options["platform"] and options["role"]:
            raise CommandError(
                "--role is for a project's token: a platform token has its person's platform role."
            )
        if options["project"] and options["read_only"]:
            raise CommandError("--read-only is for a platform token: choose a --role for a project's.")
        try:
            with audit.acting_as(audit.SYSTEM, via="command"):
                make = self._on_platform if options["platform"] else self._in_project
                token, text = make(user, options)
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

    @staticmethod
    def _in_project(user: User, options: dict[str, Any]) -> tuple[Token | PlatformToken, str]:
        account_id = account_of_slug(options["project"])
        if account_id is None:
            raise CommandError(f"There is no project “{options['project']}”.")
        with scope(account_id):
            held = holding_of(user.pk)
            return make_token(
                user,
                name=options["name"],
                role=options["role"] or (held.role if held else Role.VIEWER),
                addresses=options["address"],
                lifetime=lifetime(options["expires"]),
            )

    @staticmethod
    def _on_platform(user: User, options: dict[str, Any]) -> tuple[Token | PlatformToken, str]:
        return make_platform_token(
            user,
            name=options["name"],
            read_only=options["read_only"],
            addresses=options["address"],
            lifetime=lifetime(options["expires"]),
        )
