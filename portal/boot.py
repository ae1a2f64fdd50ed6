"""What a process refuses to start with."""

import sys

from django.conf import settings
from django.db import OperationalError, connection

from accounts.rotation import check_root_keys

_QUESTION = """
    SELECT current_user,
           rolsuper OR rolbypassrls,
           EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                   WHERE n.nspname = 'portal' AND c.relkind IN ('r', 'p') AND pg_has_role(r.oid, c.relowner, 'USAGE'))
    FROM pg_roles r WHERE rolname = current_user
"""


def refuse_dangerous_role() -> str | None:
    """Say why this process must not serve: its database role could see past the tenants' walls. None if all is well.

    A database that cannot be reached now is no reason: the process starts and reports itself as not ready.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute(_QUESTION)
            row = cursor.fetchone()
    except OperationalError:
        return None
    finally:
        connection.close()
    if row is None:
        return "The database role of this process does not exist in pg_roles."
    name, bypasses, owns = row
    if bypasses:
        return f"The database role {name} can bypass row level security; give {settings.DATABASE_ROLE} another one."
    if owns:
        return (
            f"The database role {name} owns the portal's tables; give {settings.DATABASE_ROLE} another one."
        )
    return None


def refuse_wrong_root_key() -> None:
    """Exit, with one line that says why, where this process has another root key than the database was filled with."""
    problem = check_root_keys()
    if problem:
        sys.exit(problem)
