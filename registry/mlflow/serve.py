"""The MLflow process itself: brings its schema up to date, then serves on a Unix socket that only its owner
may open.

Run as `python -m registry.mlflow.serve --uds PATH` with the environment that `registry.mlflow.server` lists.
It imports nothing of Django: in production it is an image of its own. Three things that `uvicorn
mlflow.server.fastapi_app:app` alone would not do: the schema is migrated before the first request instead of
within it, two servers that start at once take turns, and the socket is not open to every user of the machine.
"""

import argparse
import logging
import os
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

# Any constant that nothing else in the database takes an advisory lock on.
_MIGRATION_LOCK = 0x6D6C666C6F77
_KEEP_ALIVE = 75  # seconds; longer than the portal's clients keep idle connections

logger = logging.getLogger("registry.mlflow.serve")


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM; returns the exit status."""
    parser = argparse.ArgumentParser(prog="registry.mlflow.serve", description=__doc__)
    parser.add_argument("--uds", type=Path, required=True, help="the Unix socket to listen on")
    path: Path = parser.parse_args(arguments).uds
    os.umask(0o077)
    warnings.simplefilter("ignore")
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )

    migrate(os.environ["_MLFLOW_SERVER_FILE_STORE"])
    import uvicorn
    from mlflow.server.fastapi_app import app
    from mlflow.server.handlers import initialize_backend_stores

    initialize_backend_stores()
    listener = listen(path)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,  # its lines carry tenants' names; the portal keeps the audit log
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=10,
    )
    server = uvicorn.Server(config)
    logger.info("MLflow listens on %s", path)
    server.run(sockets=[listener])
    path.unlink(missing_ok=True)
    return 0 if server.started else 1


def migrate(url: str) -> None:
    """Make or upgrade MLflow's tables; safe when several servers start at once or an earlier attempt was
    killed.
    """
    from mlflow.store.db import utils

    engine = utils.create_sqlalchemy_engine_with_retry(url)
    try:
        with _turn(engine):
            if not utils._all_tables_exist(engine):
                utils._initialize_tables(engine)
            elif utils._get_schema_version(engine) != utils._get_latest_schema_revision():
                utils._upgrade_db(engine)
    finally:
        engine.dispose()


@contextmanager
def _turn(engine: "Engine") -> Iterator[None]:
    """Hold the migration lock; PostgreSQL gives it back when the connection ends, however it ends."""
    from sqlalchemy import text

    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
        connection.commit()
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _MIGRATION_LOCK})
            connection.commit()


def listen(path: Path) -> socket.socket:
    """Bind a Unix socket that only this user may open (uvicorn's own would be open to everyone).

    A socket left behind by a killed server is replaced; SystemExit where a living server answers on it.
    """
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        probe.connect(os.fspath(path))
    except (FileNotFoundError, ConnectionRefusedError):
        path.unlink(missing_ok=True)
    else:
        raise SystemExit(f"Another server is listening on {path}; stop it first.")
    finally:
        probe.close()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(os.fspath(path))
    path.chmod(0o600)
    listener.listen(2048)
    return listener


if __name__ == "__main__":
    sys.exit(main())
