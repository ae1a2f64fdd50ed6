"""What a test's own transaction does not undo, undone after it: reads put on record, and the language."""

from collections.abc import Generator
from typing import Any

import pytest
from django.utils import translation
from psycopg import Connection

# The batch writer commits on a connection of its own. The lock fails rather than waits: no test is under way.
_FORGET = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM portal.accounts_auditevent) THEN
        SET LOCAL lock_timeout = '10s';
        ALTER TABLE portal.accounts_auditevent DISABLE TRIGGER append_only;
        DELETE FROM portal.accounts_auditevent;
        ALTER TABLE portal.accounts_auditevent ENABLE ALWAYS TRIGGER append_only;
        DELETE FROM portal.accounts_auditpending;
    END IF;
END $$
"""
# The superuser's connection to the tests' database, once there is one.
connections: list[Connection[Any]] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None]:
    """After the last fixture of the test has ended."""
    yield
    translation.deactivate()
    for connection in connections:
        connection.execute(_FORGET)
