"""The saved searches on a search page, a project's and the audit room's: a link each, and what saves the filters."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest

from projects.forms import AuditFilterForm
from projects.models import Search
from projects.views.audit_parts import query_without


def filters_sent(request: HttpRequest) -> dict[str, str]:
    """The filters that came with the form that saves them."""
    return {
        name.removeprefix("filter-"): str(value)
        for name, value in request.POST.items()
        if name.startswith("filter-")
    }


def saved_context(
    searches: Iterable[Search],
    own: UUID | None,
    form: AuditFilterForm,
    request: HttpRequest,
    *,
    url: str,
    api: str,
    any_shared: bool = False,
    may_save: bool = True,
) -> dict[str, Any]:
    """Return the searches as links, whose are one's to delete, and the filters in use, if they can be saved. One
    query.
    """
    asked = query_without(request, "cursor", "event")
    usable = form.is_bound and form.is_valid()
    filters = {name: value for name, value in asked.items() if name in form.fields} if usable else {}
    return {
        "searches": [
            {
                "search": search,
                "url": "?" + urlencode(search.filters),
                "own": search.owner_id == own,
                "deletable": search.owner_id == own or (any_shared and search.shared),
                "active": filters == search.filters,
            }
            for search in searches
        ],
        "save_filters": filters if may_save else {},
        "searches_url": url,
        "searches_api": api,
    }
