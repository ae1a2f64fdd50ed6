"""PostgreSQL and MySQL: log in, ask for the version, log out. Drivers are imported where a database is spoken to."""

import ssl
import tempfile
from contextlib import ExitStack
from typing import Any

from django.utils.translation import gettext as _

from accounts.connector import SECONDS, Trust, open_socket, untrusted
from accounts.credentials.kinds import DatabaseSecret
from accounts.credentials.testing import Finding
from accounts.errors import PortalError, Unprocessable
from accounts.outbound import ResolvedTarget, check_host


def try_database(secret: DatabaseSecret) -> Finding:
    """Log in and read the server's version."""
    target = check_host(secret.host, secret.port)
    version = _postgresql(secret, target) if secret.engine == "postgresql" else _mysql(secret, target)
    return Finding(
        _("%(engine)s %(version)s answers, and lets %(user)s into “%(database)s”.")
        % {
            "engine": "PostgreSQL" if secret.engine == "postgresql" else "MySQL",
            "version": "".join(letter for letter in version if letter.isalnum() or letter in ".-+")[:40],
            "user": secret.username,
            "database": secret.database,
        }
    )


def _refused(state: str) -> PortalError | None:
    """What a refusal's SQLSTATE means, in our words: class 28 is the log-in, 3D000 and 42000 the database."""
    if state.startswith("28"):
        return Unprocessable("database.sign_in", _("The database refuses this user or password."))
    if state in ("3D000", "42000"):
        return Unprocessable(
            "database.unknown", _("There is no such database, or this user may not enter it.")
        )
    return None


def _postgresql(secret: DatabaseSecret, target: ResolvedTarget) -> str:
    import psycopg

    with open_socket(target):  # whether it answers at all: libpq's own texts differ by version and language
        pass
    modes = {"verify": "verify-full", "require": "require", "off": "disable"}
    with ExitStack() as stack:
        options: dict[str, Any] = {}
        if secret.tls == "verify":
            options["sslrootcert"] = "system"
            if secret.certificate_authority:
                # libpq reads authorities from files only; one is no secret.
                file = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".pem"))
                file.write(secret.certificate_authority)
                file.flush()
                options["sslrootcert"] = file.name
        try:
            connection = stack.enter_context(
                psycopg.connect(
                    host=target.host,
                    hostaddr=target.addresses[0],
                    port=target.port,
                    user=secret.username,
                    password=secret.password,
                    dbname=secret.database,
                    sslmode=modes[secret.tls],
                    gssencmode="disable",
                    passfile="/dev/null",  # nobody's password file is looked into
                    connect_timeout=int(SECONDS),
                    application_name="mlops-portal",
                    options="-c statement_timeout=5000",
                    autocommit=True,
                    **options,
                )
            )
            row = connection.execute("SHOW server_version").fetchone()
        except psycopg.Error as error:
            raise _postgresql_error(secret, target, error) from None
    return str(row[0]) if row else ""


def _postgresql_error(secret: DatabaseSecret, target: ResolvedTarget, error: Exception) -> PortalError:
    """libpq tells a refused log-in by its text alone: connecting has no SQLSTATE in psycopg."""
    text = str(error).lower()
    if "password authentication failed" in text or "no pg_hba.conf entry" in text or "no password" in text:
        found = _refused("28000")
    elif "does not exist" in text:
        found = _refused("28000" if 'role "' in text else "3D000")
    elif "certificate" in text or "ssl" in text:
        return untrusted(target.host, _("the database's certificate or TLS was not accepted"))
    else:
        found = _refused(getattr(error, "sqlstate", None) or "")
    return found or _unopened()


def _mysql(secret: DatabaseSecret, target: ResolvedTarget) -> str:
    import pymysql

    context: ssl.SSLContext | None = None
    if secret.tls == "verify":
        context = Trust(authority=secret.certificate_authority or "").context()
    elif secret.tls == "require":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        connection = pymysql.connect(
            host=target.host,
            port=target.port,
            user=secret.username,
            password=secret.password.encode(),
            database=secret.database,
            ssl=context,
            ssl_disabled=context is None,
            read_timeout=SECONDS,
            write_timeout=SECONDS,
            connect_timeout=SECONDS,
            local_infile=False,
            defer_connect=True,
        )
        connection.connect(open_socket(target))
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT VERSION()")
                row = cursor.fetchone()
        finally:
            connection.close()
    except pymysql.MySQLError as error:
        raise _mysql_error(target, error) from None
    return str(row[0]) if row else ""


# https://mariadb.com/kb/en/mariadb-error-code-reference/
_SIGN_IN = frozenset({1045, 1698, 1862, 4151})
_DATABASE = frozenset({1044, 1049})


def _mysql_error(target: ResolvedTarget, error: Exception) -> PortalError:
    number = error.args[0] if error.args else 0
    if isinstance(number, int) and number in _SIGN_IN | _DATABASE:
        found = _refused("28000" if number in _SIGN_IN else "3D000")
        assert found is not None
        return found
    if "certificate" in str(error).lower() or "ssl" in str(error).lower():
        return untrusted(target.host, _("the database's certificate or TLS was not accepted"))
    return _unopened()


def _unopened() -> Unprocessable:
    """The answer where a server is there and lets nobody in for a reason of its own."""
    return Unprocessable("database.refused", _("The server answers, and does not open this database."))
