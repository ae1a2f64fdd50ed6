"""Says at the end how much the matrix has tried."""

from typing import Any

import pytest

from tests.access_matrix.calls import TRIED


@pytest.fixture(autouse=True)
def without_mlflow(no_mlflow: None) -> None:
    """Answers do not depend on whether an earlier test has started MLflow."""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How many calls, of which kind; a leak would be a failure above."""
    if not TRIED:
        return
    terminalreporter.section("access matrix")
    for kind, count in sorted(TRIED.items()):
        terminalreporter.write_line(f"{count:6d} {kind}")
