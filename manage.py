#!/usr/bin/env python
"""The operator's entrance: `python manage.py help`."""

import os
import sys

# The role each command works as in the database: the least that lets it do its work.
# fmt: off
OWNER_COMMANDS = {
    "dbshell", "inspectdb", "makemigrations", "migrate", "optimizemigration", "prepare", "showmigrations", "sqlmigrate",
    "squashmigrations",
}
APP_COMMANDS = {
    "check", "checktranslations", "collectstatic", "compilemessages", "compiletranslations", "createroles",
    "diffsettings", "engines", "findstatic", "help", "makemessages", "maketranslations", "spectacular", "up", "version",
    "web",
}
# fmt: on


def database_role(arguments: list[str]) -> str:
    """Return the database role of a command; operators' own commands work as workers do."""
    command = arguments[1] if len(arguments) > 1 else "help"
    if command in OWNER_COMMANDS:
        return "owner"
    return "app" if command in APP_COMMANDS else "system"


def main() -> None:
    if sys.argv[1:2] == ["up"]:
        # The supervisor stays small: it never loads Django.
        from portal.supervisor.up import main as up

        sys.exit(up())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    os.environ.setdefault("PORTAL_DATABASE_ROLE", database_role(sys.argv))
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
