"""Cursor pagination: stable while rows arrive, and no counting of what nobody asked to count."""

from collections.abc import Sequence
from typing import Any

from rest_framework.pagination import CursorPagination


class PortalCursorPagination(CursorPagination):
    """`?cursor=…&page_size=…`; newest first by primary key, since UUIDv7 sorts by time of creation."""

    ordering: str | Sequence[str] = "-id"  # type: ignore[assignment]
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        described = super().get_paginated_response_schema(schema)
        described["additionalProperties"] = False
        return described
