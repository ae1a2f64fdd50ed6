"""Says at the end how much the matrix has tried."""

from typing import Any

from tests.access_matrix.calls import TRIED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How many calls, of which kind; a leak would be a failure above."""
    if not TRIED:
        return
    terminalreporter.section("access matrix")
    for kind, count in sorted(TRIED.items()):
        terminalreporter.write_line(f"{count:6d} {kind}")
