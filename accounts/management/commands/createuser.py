"""Make a person who can sign in, and print who it is as JSON."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import audit
from accounts.actions.users import create_user
from accounts.errors import PortalError
from accounts.models import PlatformRole


class Command(BaseCommand):
    help = "Make a person who can sign in. Prints JSON, with a one-time password that is shown only here."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="", help="the person's full name")
        parser.add_argument("--email", default="")
        parser.add_argument("--platform-role", choices=PlatformRole.values, default=PlatformRole.MEMBER)
        parser.add_argument("--language", choices=["en", "ko"], default="en")

    def handle(self, *args: Any, **options: Any) -> None:
        with audit.acting_as(audit.SYSTEM, via="command"):
            try:
                user, one_time = create_user(
                    options["username"],
                    name=options["name"],
                    email=options["email"],
                    platform_role=options["platform_role"],
                    language=options["language"],
                )
            except PortalError as error:
                raise CommandError(str(error)) from None
        self.stdout.write(
            json.dumps({"id": str(user.pk), "username": user.username, "one_time_password": one_time})
        )
