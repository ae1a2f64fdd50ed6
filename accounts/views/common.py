"""What the personal pages share."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from accounts import devices
from accounts.models import User
from accounts.origin import Origin
from accounts.standing import Due, due, page_of

P = ParamSpec("P")
THEME_COOKIE = "theme"
_YEAR = 365 * 24 * 3600
# What is longer is no page that somebody comes back to; Django refuses redirects from 16 KiB on.
_LONGEST = 2000


def safe_next(request: HttpRequest, wanted: str) -> str:
    """Return `wanted` where it is a page of this portal, else the dashboard: nobody is sent elsewhere from here."""
    own = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if own and wanted.startswith("/") else settings.LOGIN_REDIRECT_URL


def wanted_page(request: HttpRequest) -> str:
    """Where the visitor wants to go on to, as they say: not checked yet."""
    return request.POST.get("next") or request.GET.get("next") or ""


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Lead an anonymous visitor to sign in, and then back: from a form, to the page that it stands on.

    A form that came too late is said not to have been carried out. An htmx fragment is told to load a whole page.
    """
    if request.method in ("GET", "HEAD"):
        back = request.headers.get("HX-Current-URL", "") or request.get_full_path()
    else:
        messages.warning(
            request, _("Your session has ended. What you sent was not done: sign in, and send it again.")
        )
        back = request.headers.get("HX-Current-URL", "") or request.headers.get("Referer", "")
    back = _own_path(request, back)
    url = reverse("accounts:sign_in")
    if 1 < len(back) <= _LONGEST:
        url += "?" + urlencode({"next": back})
    if request.headers.get("HX-Request"):
        response = HttpResponse(status=401)
        response["HX-Redirect"] = url
        return response
    return HttpResponseRedirect(url)


def _own_path(request: HttpRequest, url: str) -> str:
    """Return path and query of an address of this portal; of another's, nothing."""
    parts = urlsplit(url)
    if parts.netloc and parts.netloc != request.get_host():
        return ""
    return parts.path + (f"?{parts.query}" if parts.query else "")


def remember_preferences(response: HttpResponse, user: User) -> None:
    """Put a person's language and theme where every later page, signed in or not, finds them."""
    for name, value in ((settings.LANGUAGE_COOKIE_NAME, user.language), (THEME_COOKIE, user.theme)):
        response.set_cookie(name, value, max_age=_YEAR, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)


def go_on(request: HttpRequest, user: User, wanted: str) -> HttpResponse:
    """Lead somebody who has just signed in to where they were going, by way of what is due first."""
    target, what = safe_next(request, wanted), due(user)
    if what is not None:
        target = f"{page_of(what)}?{urlencode({'next': target})}"
    response = HttpResponseRedirect(target)
    remember_preferences(response, user)
    devices.remember(request, response, user, Origin.of(request, "page").ip)
    return response


def signed_in(
    *allowed: Due,
) -> Callable[
    [Callable[Concatenate[HttpRequest, User, P], HttpResponse]],
    Callable[Concatenate[HttpRequest, P], HttpResponse],
]:
    """Let only a signed-in person through, handed to the view; others sign in and come back.

    What is due first is done first, except on the pages that `allowed` names it for.
    """

    def decorate(
        view: Callable[Concatenate[HttpRequest, User, P], HttpResponse],
    ) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
        @wraps(view)
        def checked(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            user = request.user
            if not isinstance(user, User):
                return to_sign_in(request)
            what = due(user)
            if what is not None and what not in allowed:
                return HttpResponseRedirect(page_of(what))
            return view(request, user, *args, **kwargs)

        return checked  # type: ignore[return-value]  # wraps() forgets that the first one is positional

    return decorate
