"""The SQL that prepares a server for the portal: four roles, one database, two schemas.

One source for both uses: `manage.py createroles` prints it for a database administrator, and the embedded
server is prepared with the same statements. Running it again changes nothing.
"""

from psycopg import sql

DATABASE = "portal"
ROLES = {
    "portal_owner": "owns the tables and migrates them",
    "portal_app": "serves requests, within one tenant at a time",
    "portal_system": "workers and watchers; reads named tables across tenants",
    "portal_mlflow": "the schema of the MLflow server",
}
_PORTAL_USERS = ("portal_app", "portal_system")
_FLAGS = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"


def role_statements() -> list[str]:
    """Roles, for the whole server. None may bypass row level security."""
    statements = []
    for role, purpose in ROLES.items():
        statements.append(
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') "
            f"THEN CREATE ROLE {role}; END IF; END $$"
        )
        statements.append(f"ALTER ROLE {role} WITH {_FLAGS}")
        schema = "mlflow" if role == "portal_mlflow" else "portal"
        statements.append(f"ALTER ROLE {role} SET search_path = {schema}")
        statements.append(f"COMMENT ON ROLE {role} IS '{purpose}'")
    return statements


def create_database(name: str = DATABASE) -> str:
    """The database, in the collation that every machine has and that never changes under an index."""
    return (
        f"CREATE DATABASE {sql.Identifier(name).as_string()} TEMPLATE template0 ENCODING 'UTF8' "
        "LOCALE_PROVIDER builtin LOCALE 'C.UTF-8'"
    )


def database_statements(name: str = DATABASE) -> list[str]:
    """Schemas and privileges, inside the database. PUBLIC may do nothing."""
    database = sql.Identifier(name).as_string()
    users = ", ".join(_PORTAL_USERS)
    statements = [
        f"REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {database} TO {', '.join(ROLES)}",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        # A superuser on PostgreSQL 16 and later may hand schemas to any role; a role with CREATEROLE must belong to it.
        "CREATE SCHEMA IF NOT EXISTS portal AUTHORIZATION portal_owner",
        "CREATE SCHEMA IF NOT EXISTS mlflow AUTHORIZATION portal_mlflow",
        f"GRANT USAGE ON SCHEMA portal TO {users}",
    ]
    for kind, privileges in (
        ("TABLES", "SELECT, INSERT, UPDATE, DELETE"),
        ("SEQUENCES", "USAGE"),
        ("FUNCTIONS", "EXECUTE"),
    ):
        default = "ALTER DEFAULT PRIVILEGES FOR ROLE portal_owner"
        if kind == "FUNCTIONS":
            # PUBLIC's right to execute is a global default: only a statement without a schema takes it away.
            statements.append(f"{default} REVOKE ALL ON {kind} FROM PUBLIC")
        statements.append(f"{default} IN SCHEMA portal GRANT {privileges} ON {kind} TO {users}")
    return statements


def script() -> str:
    """Everything as one psql script. Passwords come as psql variables, so that no file needs to hold them."""
    lines = [
        "-- Prepares a PostgreSQL server (17 or later) for the portal. Run as a superuser; running it again is safe:",
        "--   psql -v ON_ERROR_STOP=1 -d postgres -f createroles.sql",
        "-- Passwords, where the server asks for them, e.g.: -v portal_app_password=... (one per role)",
        "",
    ]
    lines += [f"{statement};" for statement in role_statements()]
    for role in ROLES:
        lines += [
            f"\\if :{{?{role}_password}}",
            f"  ALTER ROLE {role} PASSWORD :'{role}_password';",
            "\\endif",
        ]
    quoted = create_database().replace("'", "''")
    absent = f"NOT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}')"
    lines += [
        f"SELECT '{quoted}' WHERE {absent} \\gexec",  # constants of this module
        f"\\connect {DATABASE}",
    ]
    lines += [f"{statement};" for statement in database_statements()]
    return "\n".join(lines) + "\n"
