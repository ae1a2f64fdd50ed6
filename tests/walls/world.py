"""Two accounts with one of everything each, in every table that belongs to a tenant."""

from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models

from accounts.tenancy.models import TenantManager
from projects.models import State
from tests.access_matrix import (
    arguments,
    arguments_access,
    arguments_break_glass,
    arguments_deletion,
    arguments_forwarding,
    arguments_notifications,
    arguments_promotions,
    arguments_registry,
    arguments_robots,
    arguments_roles,
    arguments_searches,
    arguments_sensitivity,
)
from tests.cast import Cast

MAKERS = [
    arguments.member,
    arguments.token,
    arguments.credential,
    arguments.link,
    lambda cast, project: arguments_registry.make_job(cast, project, State.QUEUED),
    arguments_registry.make_version,
    arguments_registry.endpoint,
    arguments_access.asked,
    arguments_access.given,
    arguments_break_glass.entered,
    arguments_forwarding.target,
    arguments_notifications.webhook,
    arguments_promotions.protected,
    arguments_promotions.promotion,
    arguments_roles.role,
    arguments_robots.robot,
    arguments_sensitivity.given,
    arguments_deletion.deletion,
    arguments_searches.saved,
]


def tenant_models() -> list[type[models.Model]]:
    """Every model whose rows belong to an account."""
    found = [model for model in apps.get_models() if isinstance(model._default_manager, TenantManager)]
    assert len(found) > 20
    return found


def column_of(model: Any) -> str:
    """The column that holds the tenant."""
    columns = {field.column for field in model._meta.local_fields}
    return next(name for name in ("account_id", "lender_id", "id") if name in columns)


def unguarded(model: Any) -> Any:
    """Django's own queryset of a model: the first wall taken away."""
    return models.QuerySet(model=model)


@pytest.fixture
def world(cast: Cast) -> Cast:
    """The cast, and things of both accounts."""
    for project in (cast.acme, cast.globex):
        for make in MAKERS:
            make(cast, project)
    return cast


def sql(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run plain SQL."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []
