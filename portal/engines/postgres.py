"""The embedded PostgreSQL server: made once, started as a child, reached over a Unix socket by peer identity."""

import hashlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql

from portal.engines import roles
from portal.engines.account import EngineUser, engine_user
from portal.engines.binaries import postgres_programs, shared_folder
from portal.engines.errors import EngineError
from portal.engines.lock import inherited_lock
from portal.engines.processes import Program, spawn, stop
from portal.locations import PORT, Locations, make_private

SUPERUSER = "portal_superuser"
_INITDB_PATIENCE = 60.0  # seconds; it takes one
_CONFIGURATION = """\
listen_addresses = ''
max_connections = 120
log_error_verbosity = 'terse'
shared_buffers = 64MB
max_wal_size = 512MB
password_encryption = 'scram-sha-256'
timezone = 'UTC'
log_timezone = 'UTC'
log_destination = 'stderr'
log_min_messages = 'warning'
log_line_prefix = '%m [%p] %q%u '
log_min_error_statement = 'panic'
log_parameter_max_length_on_error = 0
max_parallel_workers_per_gather = 1
wal_level = 'minimal'
max_wal_senders = 0
"""


class Postgres:
    """One data folder and at most one server process, our child."""

    def __init__(self, places: Locations) -> None:
        self.places = places
        self.user: EngineUser = engine_user()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.places.postgres_data

    def prepare(self) -> None:
        """Make the data folder if there is none, whole or not at all, and the folder for sockets."""
        make_private(self.places.home, 0o711 if self.user.foreign else 0o700)
        make_private(self.places.run, 0o711 if self.user.foreign else 0o700)
        self.places.postgres_sockets.mkdir(mode=0o700, exist_ok=True)
        self.user.own(self.places.postgres_sockets)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        elif (major := (self.data / "PG_VERSION").read_text().strip()) != "18":
            raise EngineError(
                f"{self.data} was made by PostgreSQL {major}; this portal runs 18: restore from a dump"
            )

    def _initialise(self) -> None:
        """initdb into a folder beside, then one rename: an interrupted attempt leaves nothing that looks finished."""
        if self.data.is_dir() and not self.data.is_symlink() and any(self.data.iterdir()):
            raise EngineError(f"{self.data} is not empty and holds no database; move it away")
        home = self.places.home
        if self.user.can_enter(home):
            lasting = self.data
        else:
            # Below root's own folders the engine's user gets nowhere: the data lie outside, the home points there.
            tail = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
            lasting = shared_folder() / f"postgres-{tail}-{uuid.uuid4().hex[:8]}"
            lasting.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        prefix = f".{lasting.name[:25]}.making-"
        with inherited_lock(home / "postgres.making", patience=_INITDB_PATIENCE) as lock:
            for leftover in lasting.parent.glob(f"{prefix}*"):
                shutil.rmtree(leftover)
            draft = lasting.parent / f"{prefix}{uuid.uuid4().hex[:8]}"
            draft.mkdir(mode=0o700)
            self.user.own(draft)
            self._run_initdb(draft, lock)
            if self.data.is_symlink():
                self.data.unlink()
            elif self.data.is_dir():
                self.data.rmdir()
            draft.rename(lasting)
        if lasting != self.data:
            self.data.symlink_to(lasting)

    def _run_initdb(self, folder: Path, lock: int) -> None:
        """Make the database; initdb and its children hold `lock` too, and keep it where we are killed before them."""
        made = subprocess.run(
            [
                str(postgres_programs(self.user) / "initdb"),
                *("-D", str(folder), "-U", SUPERUSER, "-A", "peer", "-E", "UTF8"),
                *("--locale-provider=builtin", "--locale=C.UTF-8", "--data-checksums", "--no-instructions"),
            ],
            env={"PATH": os.defpath, "LC_ALL": "C"},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            pass_fds=(lock,),
            **self.user.spawn_arguments(),  # type: ignore[call-overload]
        )
        if made.returncode:
            reason = (made.stderr.strip() or made.stdout.strip()).splitlines()[-1:]
            raise EngineError(f"initdb failed in {folder}: {' '.join(reason)}")

    def _configure(self) -> None:
        """Our settings and who may enter; written at every start, so that an upgrade of the portal applies them."""
        for name, text in (
            ("postgresql.auto.conf", _CONFIGURATION),
            ("pg_hba.conf", "local all all peer map=portal\n"),
            ("pg_ident.conf", self._identities()),
        ):
            path = self.data / name
            path.write_text(text)
            self.user.own(path)
            path.chmod(0o600)

    def _identities(self) -> str:
        return f"portal {pwd.getpwuid(os.geteuid()).pw_name} all\n"

    def program(self) -> Program:
        """Return how to run the server. It gets no variable of ours; SIGINT is its fast, clean shutdown."""
        binary = postgres_programs(self.user) / "postgres"
        return Program(
            name="postgres",
            command=(
                *(str(binary), "-D", str(self.data.resolve())),
                *("-k", str(self.places.postgres_sockets), "-p", str(PORT)),
            ),
            environment={"PATH": os.defpath, "LC_ALL": "C"},
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGINT,
            patience=15.0,
            become=self.user.spawn_arguments(),
            # What a client did wrong is that client's to report; and a shutdown ends connections.
            loud=re.compile(r"\b(FATAL|PANIC):  (?!terminating connection due to administrator command)"),
            before=self._before,
        )

    def _before(self) -> None:
        self._configure()
        self._refuse_survivor()

    def _recorded_pid(self) -> int | None:
        try:
            return int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None

    def _says_ready(self) -> bool:
        """Whether the pid file's status line says so: a connection before that is an error in the server's log."""
        lines = (self.data / "postmaster.pid").read_text().splitlines()
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def _refuse_survivor(self, patience: float = 5.0) -> None:
        """Wait for a server whose supervisor was killed to end; the kernel has asked it to.

        Then its pid file goes: after a crash of the machine the number in it may be anybody's, and PostgreSQL
        would take that for a running server.
        """
        deadline = time.monotonic() + patience
        while survivors := self._processes():
            if time.monotonic() > deadline:
                raise EngineError(
                    f"another PostgreSQL (process {survivors[0]}) uses {self.data}; end it first"
                )
            time.sleep(0.05)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _processes(self) -> list[int]:
        """The living PostgreSQL processes in this data folder, whoever started them; it is their working folder."""
        found, folder = [], str(self.data.resolve())
        for process in psutil.process_iter(["name", "status"]):
            if process.info["name"] != "postgres" or process.info["status"] == psutil.STATUS_ZOMBIE:
                continue
            try:
                if process.cwd() == folder:
                    found.append(process.pid)
            except psutil.NoSuchProcess:
                continue
            except psutil.AccessDenied:
                if process.pid == self._recorded_pid():
                    found.append(process.pid)
        return found

    def wait_ready(self, patience: float = 30.0) -> None:
        """Until *our* server answers: an old one on the same socket does not count."""
        deadline = time.monotonic() + patience
        while not self.is_ready():
            if self.process is None or self.process.poll() is not None:
                raise EngineError(f"PostgreSQL ended while starting; see {self.places.logs / 'postgres.log'}")
            if time.monotonic() > deadline:
                raise EngineError(f"PostgreSQL did not become ready within {patience:.0f} s")
            time.sleep(0.03)

    def is_ready(self) -> bool:
        """Whether our child answers a query."""
        if self.process is None or self._recorded_pid() != self.process.pid or not self._says_ready():
            return False
        try:
            with self.connect("postgres") as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def connect(self, database: str = roles.DATABASE, user: str = SUPERUSER) -> psycopg.Connection[Any]:
        """An autocommit connection; by default as the superuser, for preparing the server only."""
        return psycopg.connect(
            host=str(self.places.postgres_sockets),
            port=PORT,
            user=user,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )

    def bootstrap(self, database: str = roles.DATABASE) -> None:
        """Roles, database, schemas and privileges: what `createroles` prints for an outside server."""
        with self.connect("postgres") as connection:
            for statement in roles.role_statements():
                connection.execute(sql.SQL(statement))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
                connection.execute(sql.SQL(roles.create_database(database)))
        with self.connect(database) as connection:
            for statement in roles.database_statements(database):
                connection.execute(sql.SQL(statement))

    @contextmanager
    def running(self) -> Iterator["Postgres"]:
        """Prepared, started, ready, bootstrapped; stopped at the end."""
        self.prepare()
        program = self.program()
        with open(make_private(self.places.logs) / "postgres.log", "ab") as log:
            self.process = spawn(program, log)
        try:
            self.wait_ready()
            self.bootstrap()
            yield self
        finally:
            stop(self.process, program)
