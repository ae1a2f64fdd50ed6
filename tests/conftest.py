"""Real engines for every test: PostgreSQL and Redis of this session's own, in a throwaway home.

Set up before Django reads its settings, so that a variable of the person's shell cannot lead a test to a
database that matters.
"""

import os
import shutil
import tempfile
from pathlib import Path

_HOME = Path(tempfile.mkdtemp(prefix="portal-test-", dir="/tmp"))
for _name in list(os.environ):
    if _name.startswith(("PORTAL_", "DATABASE_")) and not _name.startswith("PORTAL_TEST_"):
        del os.environ[_name]
for _name in ("MLFLOW_DATABASE_URL", "REDIS_URL", "MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_TOKEN"):
    os.environ.pop(_name, None)
os.environ |= {
    "PORTAL_HOME": str(_HOME),
    "PORTAL_DATABASE_ROLE": "app",
    "DJANGO_SETTINGS_MODULE": "portal.settings",
}

import django  # noqa: E402  # after the environment it reads
import pytest  # noqa: E402
from django.conf import settings  # noqa: E402

# Pages in tests name static files as they lie in the checkout: nothing has to be collected first.
settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
django.setup()

from tests import strict  # noqa: E402
from tests.browser import chromium  # noqa: E402
from tests.cast import cast, committed_cast  # noqa: E402
from tests.engines import leftovers  # noqa: E402
from tests.engines.fixtures import (  # noqa: E402  # they import models
    as_role,
    committed_database,
    django_db_setup,
    engines,
    no_mlflow,
    system_role,
)
from tests.loop.fixtures import other_team, portal, team, tiny_model  # noqa: E402

__all__ = [
    "as_role",
    "cast",
    "chromium",
    "committed_cast",
    "committed_database",
    "django_db_setup",
    "engines",
    "no_mlflow",
    "other_team",
    "portal",
    "system_role",
    "team",
    "tiny_model",
]


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(strict)
    config.pluginmanager.register(leftovers)


def pytest_unconfigure() -> None:
    shutil.rmtree(_HOME, ignore_errors=True)
