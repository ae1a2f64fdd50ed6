"""Open an account with its project, and print both as JSON."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import audit
from accounts.errors import PortalError
from accounts.models import Account, User
from projects.actions.accounts import open_account


class Command(BaseCommand):
    help = "Open an account of a kind with its one project. Prints JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--kind", choices=Account.Kind.values, required=True)
        parser.add_argument("--owner", required=True, help="the username of the project's first owner")
        parser.add_argument("--description", default="")
        parser.add_argument(
            "--start",
            choices=Account.Start.values,
            default=Account.Start.NONE,
            help="where a general account's credentials are to come from",
        )
        parser.add_argument(
            "--code",
            default="",
            help="a trusted account's invitation or code for requests: asked for at once",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        owner = User.objects.filter(username__iexact=options["owner"]).first()
        if owner is None:
            name = options["owner"]
            raise CommandError(f"There is no user “{name}”. Make one first: manage.py createuser {name}")
        with audit.acting_as(audit.SYSTEM, via="command"):
            try:
                account, project = open_account(
                    options["name"],
                    options["kind"],
                    owner,
                    description=options["description"],
                    start=options["start"],
                    code=options["code"],
                )
            except PortalError as error:
                raise CommandError(str(error)) from None
        self.stdout.write(
            json.dumps(
                {"id": str(account.pk), "name": account.name, "kind": account.kind, "project": project.slug},
                ensure_ascii=False,
            )
        )
