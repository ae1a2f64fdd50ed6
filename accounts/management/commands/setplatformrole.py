"""Give somebody another role on the platform, and end the platform tokens that they made in the old one."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import audit
from accounts.actions.platform_role import change_platform_role
from accounts.errors import PortalError
from accounts.models import PlatformRole, User


class Command(BaseCommand):
    help = "Give a person another platform role; the platform tokens that they made in the old one end."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("role", choices=PlatformRole.values)
        parser.add_argument("--reason", default="", help="goes on record")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username__iexact=options["username"]).first()
        if user is None:
            raise CommandError(f"There is nobody called {options['username']}.")
        try:
            with audit.acting_as(audit.SYSTEM, via="command"):
                change_platform_role(user, options["role"], reason=options["reason"])
        except PortalError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{user.username} is {user.platform_role} of the platform now.")
