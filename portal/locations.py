"""Where the portal keeps things: folders under its home, and the short private folder for Unix sockets."""

import base64
import hashlib
import os
import secrets
import stat
import uuid
from dataclasses import dataclass
from pathlib import Path

from portal.key_environment import KeyEnvironment, decode_root_key

# sun_path holds 108 bytes on Linux and 104 elsewhere, with the closing zero; the longest name that goes
# below the folder is the lock file beside PostgreSQL's socket.
_LONGEST_SOCKET = 103
_LONGEST_NAME = len("/postgres/.s.PGSQL.5432.lock") + 4
PORT = 5432


class UnusableFolder(Exception):
    """A folder the portal needs cannot be used; the text names it and says why."""


@dataclass(frozen=True)
class Locations:
    """Every path of one portal home. `run` holds sockets and pid files and may lie outside the home."""

    home: Path
    run: Path

    @property
    def postgres_data(self) -> Path:
        return self.home / "postgres"

    @property
    def postgres_sockets(self) -> Path:
        return self.run / "postgres"

    @property
    def redis_socket(self) -> Path:
        return self.run / "redis" / "redis.sock"

    @property
    def mlflow_socket(self) -> Path:
        return self.run / "mlflow.sock"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def secrets(self) -> Path:
        return self.home / "secrets"

    @property
    def static(self) -> Path:
        return self.home / "static"

    @property
    def local(self) -> Path:
        """Where the agent of the local cluster keeps its workloads."""
        return self.home / "local"

    @property
    def metrics(self) -> Path:
        return self.run / "metrics"

    def database_url(self, role: str) -> str:
        """The address of the embedded database for one role; peer authentication, so no password."""
        return f"postgresql://portal_{role}@/portal?host={self.postgres_sockets}&port={PORT}"

    @property
    def redis_url(self) -> str:
        return f"unix://{self.redis_socket}?db=0"


def locate(home: Path) -> Locations:
    """Return the locations of a home: equal homes give equal answers in every process.

    Sockets move to a short folder where the home's path is too long for them or, when the engines run as another
    user than root, where that user could not get through.
    """
    run = home / "run"
    too_long = len(os.fsencode(run)) + _LONGEST_NAME > _LONGEST_SOCKET
    if too_long or (os.geteuid() == 0 and not anyone_may_pass(home.parent)):
        tail = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
        run = Path("/tmp") / f"portal-{os.geteuid()}-{tail}"  # noqa: S108  # make_private refuses a stranger's folder
    return Locations(home, run)


def anyone_may_pass(folder: Path) -> bool:
    """Return whether every folder from the root down to this one lets every user through."""
    return all(step.stat().st_mode & 0o001 for step in (folder, *folder.parents) if step.exists())


def make_private(folder: Path, mode: int = 0o700) -> Path:
    """Make a folder that only this user may write to; UnusableFolder where somebody else's lies there already."""
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise UnusableFolder(f"{folder} cannot be made: {error.strerror}") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise UnusableFolder(f"{folder} belongs to somebody else; remove it or choose another PORTAL_HOME")
    if stat.S_IMODE(found.st_mode) != mode:
        folder.chmod(mode)
    return folder


def remembered(path: Path, fresh: str) -> str:
    """The text kept in a private file, writing `fresh` if there is none; safe when several processes race.

    The file appears whole or not at all: it is written beside its place and linked there, and the first link wins.
    """
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    make_private(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(fresh + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return path.read_text().strip()
    finally:
        draft.unlink()
    return fresh


def remembered_secret_key(places: Locations) -> str:
    """Django's signing key of this home, made on first use."""
    return remembered(places.secrets / "secret_key", secrets.token_urlsafe(64))


def remembered_root_key(places: Locations) -> str:
    """The root key of this home in base64, made on first use."""
    return remembered(places.secrets / "root_key", base64.b64encode(secrets.token_bytes(32)).decode())


def local_root_keys(given: KeyEnvironment, places: Locations) -> tuple[bytes | None, bytes | None]:
    """The root keys of our own: the one that wraps and the one before, from the environment or this home.

    With a transit engine none is made; one that is there still opens what it has wrapped. UnusableFolder where a file
    of this home holds no key.
    """
    kept, before = places.secrets / "root_key", places.secrets / "root_key_previous"
    texts: list[str | None] = [
        secret.get_secret_value() if secret else None for secret in (given.root_key, given.root_key_previous)
    ]
    if texts[0] is None and (given.root_key_provider == "local" or kept.exists()):
        texts[0] = remembered_root_key(places)
    if texts[1] is None and before.exists():
        texts[1] = before.read_text()
    try:
        current, previous = (decode_root_key(text) if text is not None else None for text in texts)
    except ValueError as error:
        raise UnusableFolder(f"a root key in {places.secrets} {error}") from None
    return current, previous


def remembered_deployment(places: Locations) -> str:
    """The identifier of this deployment, made on first use."""
    return remembered(places.secrets / "deployment_id", str(uuid.uuid4()))


def remembered_metrics_token(places: Locations) -> str:
    """What the reader of this home's metrics shows, made on first use."""
    return remembered(places.secrets / "metrics_token", secrets.token_urlsafe(32))
