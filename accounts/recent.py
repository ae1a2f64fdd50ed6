"""A fresh proof that the person at the session is still who signed in: asked before dangerous actions.

`require_recent` raises until the session's person has signed in, or confirmed it is them at /sign-in/again/, within
the last minutes. An API token proves no presence: it never passes. Where a page meets the refusal, `to_confirm`
leads there and back.
"""

import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.errors import Forbidden
from accounts.models import User

if TYPE_CHECKING:
    from rest_framework.request import Request

STALE = "sign_in.stale"
CONFIRMED_AT = "confirmed_at"  # a session's key: seconds since the epoch


def confirm(request: HttpRequest) -> None:
    """Note that the session's person has just proved who they are."""
    request.session[CONFIRMED_AT] = time.time()


def require_recent(request: "HttpRequest | Request", seconds: int = 300) -> None:
    """Raise `Forbidden` with the code `sign_in.stale` unless this session's person proved themselves that recently.

    A request with an Authorization header is refused whatever else it carries: it acts as that token.
    """
    django_request: HttpRequest = getattr(request, "_request", request)
    if isinstance(django_request.user, User) and not django_request.headers.get("Authorization"):
        confirmed = django_request.session.get(CONFIRMED_AT)
        # A time of the future counts for nothing: the clock was set back, or the value is not ours.
        if isinstance(confirmed, int | float) and 0 <= time.time() - confirmed <= seconds:
            return
    raise Forbidden(
        STALE,
        _(
            "This needs a fresh sign-in: confirm that it is you at /sign-in/again/, then do it again. "
            "An API token cannot do this."
        ),
    )


def to_confirm(request: HttpRequest) -> HttpResponse:
    """Lead to the page that asks again, and from there back to the page on which this was tried."""
    back = request.get_full_path() if request.method in ("GET", "HEAD") else _came_from(request)
    url = f"{reverse('accounts:sign_in_again')}?{urlencode({'next': back})}"
    if request.headers.get("HX-Request"):
        response = HttpResponse(status=403)
        response["HX-Redirect"] = url
        return response
    return HttpResponseRedirect(url)


def _came_from(request: HttpRequest) -> str:
    """The page of this portal whose form was sent: the same address with another path is not taken."""
    parts = urlsplit(request.headers.get("Referer", ""))
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return path if parts.netloc == request.get_host() and path.startswith("/") else request.path
