import hashlib
import json
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from accounts import audit
from accounts.actions.users import create_user
from accounts.models import PlatformRole, User
from accounts.rotation import adopt_roots
from portal.boot import refuse_wrong_root_key


class Command(BaseCommand):
    help = "Bring the database and the static files up to date, and make the first admin; does nothing twice."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        self._migrate()
        refuse_wrong_root_key()
        adopt_roots()
        self._collect_static()
        if User.objects.filter(platform_role=PlatformRole.ADMIN).exists():
            return
        with audit.acting_as(audit.SYSTEM, via="command"):
            taken = User.objects.filter(username="admin").exists()
            username = f"admin-{secrets.token_hex(2)}" if taken else "admin"
            admin, password = create_user(username, name="Admin", platform_role=PlatformRole.ADMIN)
        self._tell(admin={"username": admin.username, "password": password})

    def _tell(self, **message: Any) -> None:
        """One line for the supervisor; everything else that this process prints is log."""
        self.stdout.write(json.dumps({"prepare": message}))
        self.stdout.flush()

    def _migrate(self) -> None:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            self._tell(say=f"Migrating the database ({len(plan)} steps) …")
            call_command("migrate", interactive=False, verbosity=1)

    def _collect_static(self) -> None:
        stamp = Path(settings.STATIC_ROOT) / ".stamp"
        fingerprint = self._fingerprint()
        if stamp.exists() and stamp.read_text() == fingerprint:
            return
        self._tell(say="Collecting static files …")
        call_command("collectstatic", interactive=False, verbosity=0, clear=True)
        stamp.write_text(fingerprint)

    @staticmethod
    def _fingerprint() -> str:
        """Changes when any static file does: names, sizes and times of all."""
        digest = hashlib.sha256()
        for finder in get_finders():
            for name, storage in finder.list([]):
                found = Path(storage.path(name)).stat()
                digest.update(f"{name}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
        return digest.hexdigest()
