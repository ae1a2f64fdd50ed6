"""A connection that breaks in the midst of a request is no bug: whoever asked is told to come back."""

import pytest
from django.db import InterfaceError, OperationalError
from psycopg_pool import PoolTimeout

from accounts.problems import headers, problem
from portal.problems import from_drf


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError, PoolTimeout])
def test_a_database_that_is_away_is_a_503_that_tells_nothing_of_it(kind: type[Exception]) -> None:
    shown = from_drf(kind("connection to server on socket /secret/folder failed"))
    assert (shown.status, shown.code) == (503, "database.away")
    assert "secret" not in str(problem(shown))
    assert int(headers(shown)["Retry-After"]) > 0


def test_what_is_a_bug_stays_one() -> None:
    assert from_drf(RuntimeError("x")).status == 500
