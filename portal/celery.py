"""The Celery application: wakes workers up and runs the sweeps. Nothing of value travels through it.

An app that wants a task run regularly has a module `schedule.py` with `SCHEDULE`, in Celery's own form:
`{"name": {"task": "app.task", "schedule": seconds}}`.
"""

import os
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
os.environ.setdefault("PORTAL_DATABASE_ROLE", "system")
# Celery would run Django's checks in every process; `manage.py up` and CI run them once.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

from celery import Celery, signals  # after the environment that Celery's Django support reads
from django.apps import apps as django_apps
from django.conf import settings
from django.utils.module_loading import module_has_submodule

FLOORS = ("accounts", "projects", "clusters", "registry", "portal")


def broker_url(redis_url: str) -> str:
    """The same Redis in Celery's dialect: Unix sockets have a scheme, and a name for the database, of their own."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    query = dict(parse_qsl(parts.query))
    identity = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    if "password" in query and not identity:
        identity = f":{query['password']}@"
    return f"redis+socket://{identity}{parts.path}?{urlencode({'virtual_host': query.get('db', '0')})}"


def collected_schedule() -> dict[str, Any]:
    """Every app's SCHEDULE in one; a name used twice stops the process."""
    schedule: dict[str, Any] = {}
    for name in FLOORS:
        if not module_has_submodule(import_module(name), "schedule"):
            continue
        for entry, what in import_module(f"{name}.schedule").SCHEDULE.items():
            if entry in schedule:
                raise ValueError(f"two scheduled tasks are called {entry}")
            schedule[entry] = what
    return schedule


app = celery_app = Celery("portal")
app.conf.update(
    broker_url=broker_url(settings.REDIS_URL),
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "socket_connect_timeout": 2,
        "socket_timeout": 30,
        "health_check_interval": 15,
        "visibility_timeout": 3600,
    },
    # Whoever wants a task run has written a row first: a message that cannot be sent now is found by the sweep.
    task_publish_retry=False,
    task_default_queue="portal",
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_serializer="json",
    accept_content=["json"],
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_redirect_stdouts=False,
    timezone="UTC",
    enable_utc=True,
)


@signals.setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Django has configured logging already; being connected here keeps Celery from doing it again."""


@app.on_after_finalize.connect
def _schedule(sender: Celery, **_: Any) -> None:
    if django_apps.ready:
        sender.conf.beat_schedule = collected_schedule()


app.autodiscover_tasks(list(FLOORS))
