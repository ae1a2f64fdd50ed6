"""Cursor pagination: stable while rows arrive, and no counting of what nobody asked to count."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from accounts.errors import Invalid


class PortalCursorPagination(CursorPagination):
    """`?cursor=…&page_size=…`; newest first by primary key, since UUIDv7 sorts by time of creation."""

    ordering: str | Sequence[str] = "-id"  # type: ignore[assignment]
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """Return one page; raises `Invalid` for a cursor that was not made here."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (NotFound, ValidationError, ValueError):
            message = _("This cursor leads nowhere. Take it from `next` or `previous` of a page.")
            raise Invalid("cursor.invalid", message, errors={"cursor": [message]}) from None

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        described = super().get_paginated_response_schema(schema)
        described["additionalProperties"] = False
        return described
