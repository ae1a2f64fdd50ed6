"""Pages of a list, by number: for people, who look at the first pages only."""

from typing import Any, TypeVar

from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest

M = TypeVar("M", bound=Model)
SIZE = 25


def page_of(request: HttpRequest, rows: QuerySet[M], size: int = SIZE) -> tuple[list[M], dict[str, Any]]:
    """Return one page of rows, and what `components/pager.html` needs."""
    page = Paginator(rows, size).get_page(request.GET.get("page", "1"))
    return list(page.object_list), {
        "next": f"?page={page.next_page_number()}" if page.has_next() else "",
        "previous": f"?page={page.previous_page_number()}" if page.has_previous() else "",
    }
