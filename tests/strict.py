"""Tests that could not run: listed loudly at the end, and failures under PORTAL_TEST_STRICT=1, as in CI."""

import os

import pytest

STRICT = os.environ.get("PORTAL_TEST_STRICT") == "1"


def _reason(report: pytest.TestReport) -> str:
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if STRICT and reporter is not None and reporter.stats.get("skipped") and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    title = "COULD NOT RUN HERE" + (", WHICH IS A FAILURE (PORTAL_TEST_STRICT=1)" if STRICT else "")
    terminalreporter.section(title, sep="!", red=STRICT, yellow=not STRICT)
    for report in skipped:
        terminalreporter.line(f"{report.nodeid}: {_reason(report)}")
