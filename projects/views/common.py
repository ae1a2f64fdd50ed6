"""What these pages share: trying an action, and showing a list page by page."""

from collections.abc import Callable
from typing import Any, TypeVar

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from rest_framework.request import Request

from accounts import audit
from accounts.errors import Forbidden, NotFound, PortalError
from projects.doors.pagination import PortalCursorPagination

T = TypeVar("T")


def attempt(form: forms.BaseForm, action: Callable[[], T]) -> T | None:
    """Run an action; what it refuses is shown at the form's fields, and nothing of it stays done."""
    try:
        with transaction.atomic():
            return action()
    except (Forbidden, NotFound) as error:
        if "errors" not in error.data:
            raise
        _show(form, error)
    except PortalError as error:
        _show(form, error)
    return None


def _show(form: forms.BaseForm, error: PortalError) -> None:
    errors: dict[str, list[str]] = error.data.get("errors") or {"": [str(error.detail)]}
    for name, texts in errors.items():
        form.add_error(name if name in form.fields else None, texts)


def attempt_or_say(request: HttpRequest, permission: str, action: Callable[[], T]) -> T | None:
    """Run an action behind a single button; what it refuses is said on the next page, and is on record."""
    try:
        with transaction.atomic():
            return action()
    except (Forbidden, NotFound):
        raise
    except PortalError as error:
        audit.record(permission, outcome="failed", detail={"error": error.code})
        messages.error(request, str(error.detail))
    return None


def page_of(
    request: HttpRequest, rows: QuerySet[Any], *, ordering: str | tuple[str, ...] = "-id", size: int = 50
) -> dict[str, Any]:
    """Return one page as template context: `rows`, `next_url`, `previous_url`."""
    paginator = PortalCursorPagination()
    paginator.ordering = ordering
    paginator.page_size = size
    found = paginator.paginate_queryset(rows, Request(request))
    return {
        "rows": found,
        "next_url": paginator.get_next_link(),
        "previous_url": paginator.get_previous_link(),
    }
