#!/usr/bin/env python
"""The operator's entrance: `python manage.py help`."""

import os
import sys

# Who changes the structure of the database, and who runs the portal from the outside of any request.
OWNER_COMMANDS = {"migrate", "makemigrations", "sqlmigrate", "showmigrations", "squashmigrations", "optimizemigration", "dbshell", "flush", "inspectdb", "up", "engines"}
APP_COMMANDS = {"check", "collectstatic", "compilemessages", "makemessages", "spectacular", "createroles", "help", "version", "findstatic", "diffsettings"}


def database_role(arguments: list[str]) -> str:
    """The database role that a command works as: the least that lets it do its work."""
    command = arguments[1] if len(arguments) > 1 else "help"
    if command in OWNER_COMMANDS:
        return "owner"
    return "app" if command in APP_COMMANDS else "system"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    os.environ.setdefault("PORTAL_DATABASE_ROLE", database_role(sys.argv))
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
