"""How the supervisor starts MLflow: one process on a Unix socket, PostgreSQL behind it, artifacts in a
folder.

The process never inherits the portal's environment: what it needs is listed here, and nothing else reaches
it.
"""

import os
import sys
from pathlib import Path
from urllib.parse import quote, urlencode

from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

# The only Host header that MLflow answers to; the portal's own client sends it.
HOST = "mlflow"
_INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")


def launch_spec() -> tuple[list[str], dict[str, str]]:
    """Return the command line and the complete environment of the MLflow process.

    The command listens on `settings.MLFLOW_SOCKET` once the schema is up to date; run it in the portal's own
    folder, so that `registry` can be imported. The database address is in the environment, never in the
    command line.
    """
    command = [sys.executable, "-m", "registry.mlflow.serve", "--uds", str(settings.MLFLOW_SOCKET)]
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    environment |= {
        "HOME": str(settings.HOME),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "PYTHONUNBUFFERED": "1",
        # MLflow's workers read these names; its own command line sets the same ones.
        "_MLFLOW_SERVER_FILE_STORE": sqlalchemy_url(settings.MLFLOW_DATABASE_URL),
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(settings.ARTIFACT_ROOT),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SGI_NAME": "uvicorn",
        "_MLFLOW_IN_JOB_EXECUTOR": "false",
        "MLFLOW_ENABLE_WORKSPACES": "true",
        "MLFLOW_SERVER_ALLOWED_HOSTS": HOST,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_SERVER_JOB_ENABLE_PERIODIC_TASKS": "false",
        "MLFLOW_SERVER_ENABLE_CUSTOM_SCORERS": "false",
        "MLFLOW_ENABLE_AI_GATEWAY": "false",
        "MLFLOW_ENABLE_MCP_TOOL_DISCOVERY": "false",
        "MLFLOW_ENABLE_REMOTE_ASSISTANT": "false",
        "MLFLOW_ENABLE_ASSISTANT_SANDBOX": "false",
        # Three stores keep a pool each: together they must leave PostgreSQL's connections to the portal.
        "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "3",
        "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": "5",
        # Without these, every thread of the pool grows a heap of its own.
        "MALLOC_ARENA_MAX": "2",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    return command, environment


def sqlalchemy_url(url: str) -> str:
    """Translate a libpq address (`postgresql://…`, Unix sockets included) for SQLAlchemy with psycopg 3.

    libpq reads the address first, so percent-encoded hosts, several hosts and options mean what they mean to
    it. Raises `psycopg.ProgrammingError` where libpq refuses.
    """
    parameters = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    user = quote(parameters.pop("user", ""), safe="")
    password = parameters.pop("password", "")
    database = quote(parameters.pop("dbname", "portal"), safe="")
    identity = f"{user}:{quote(password, safe='')}" if password else user
    parameters.setdefault("application_name", "portal-mlflow")
    return f"postgresql+psycopg://{identity}@/{database}?{urlencode(parameters)}"
