"""The personal pages: signing in and out, password, profile."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.actions import sessions
from accounts.actions.users import save_preferences
from accounts.audit import Actor
from accounts.errors import Invalid, Unauthenticated
from accounts.forms import PasswordForm, ProfileForm, SignInAgainForm, SignInForm
from accounts.models import User
from accounts.origin import Origin

P = ParamSpec("P")
THEME_COOKIE = "theme"
_YEAR = 365 * 24 * 3600


def safe_next(request: HttpRequest, wanted: str) -> str:
    """Return `wanted` where it is a page of this portal, else the dashboard: nobody is sent elsewhere from here."""
    own = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if own and wanted.startswith("/") else settings.LOGIN_REDIRECT_URL


def remember_preferences(response: HttpResponse, user: User) -> None:
    """Put a person's language and theme where every later page, signed in or not, finds them."""
    for name, value in ((settings.LANGUAGE_COOKIE_NAME, user.language), (THEME_COOKIE, user.theme)):
        response.set_cookie(name, value, max_age=_YEAR, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Open a session. A person with a one-time password goes on to choose one of their own."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if isinstance(request.user, User):
        return HttpResponseRedirect(safe_next(request, wanted))
    form = SignInForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            user = sessions.sign_in(request, form.cleaned_data["username"], form.cleaned_data["password"])
        except Unauthenticated as error:
            form.add_error(None, str(error))
        else:
            target = safe_next(request, wanted)
            if user.must_change_password:
                target = f"{reverse('accounts:password')}?{urlencode({'next': target})}"
            response = HttpResponseRedirect(target)
            remember_preferences(response, user)
            return response
    status = 200 if request.method != "POST" else 401 if form.is_bound and form.non_field_errors() else 400
    return render(request, "accounts/sign_in.html", {"form": form, "next": wanted}, status=status)


@never_cache
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    sessions.sign_out(request)
    return HttpResponseRedirect(reverse("accounts:sign_in"))


def signed_in(
    view: Callable[Concatenate[HttpRequest, User, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Let only a signed-in person through, handed to the view; others sign in and come back."""

    @wraps(view)
    def checked(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        user = request.user
        if not isinstance(user, User):
            where = urlencode({"next": request.get_full_path()})
            return HttpResponseRedirect(f"{reverse('accounts:sign_in')}?{where}")
        return view(request, user, *args, **kwargs)

    return checked  # type: ignore[return-value]  # wraps() forgets that the first one is positional


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def sign_in_again(request: HttpRequest, user: User) -> HttpResponse:
    """Ask who is there once more, before something dangerous."""
    if user.must_change_password:
        return HttpResponseRedirect(reverse("accounts:password"))
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    form = SignInAgainForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            sessions.sign_in_again(request, user, form.cleaned_data["password"])
        except Unauthenticated as error:
            form.add_error("password", str(error))
        else:
            return HttpResponseRedirect(safe_next(request, wanted))
    status = 400 if form.errors else 200
    return render(request, "accounts/sign_in_again.html", {"form": form, "next": wanted}, status=status)


@sensitive_post_parameters("current", "password", "again")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def password(request: HttpRequest, user: User) -> HttpResponse:
    """Choose a new password."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    form = PasswordForm(user, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            sessions.change_password(
                request, user, form.cleaned_data.get("current", ""), form.cleaned_data["password"]
            )
        except Invalid as error:
            for name, texts in error.data["errors"].items():
                form.add_error(name, texts)
        else:
            messages.success(request, _("Your password is changed. Other sessions of yours have ended."))
            return HttpResponseRedirect(safe_next(request, wanted))
    status = 400 if form.errors else 200
    return render(
        request,
        "accounts/set_password.html",
        {"form": form, "next": wanted, "forced": user.must_change_password},
        status=status,
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def me(request: HttpRequest, user: User) -> HttpResponse:
    """One's own profile: name, email, language, theme."""
    if user.must_change_password:
        return HttpResponseRedirect(reverse("accounts:password"))
    initial = {"name": user.name, "email": user.email, "language": user.language, "theme": user.theme}
    form = ProfileForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            with Origin.of(request, "page").acting(Actor("user", str(user.pk), user.label)):
                save_preferences(user, **form.cleaned_data)
        except Invalid as error:
            for name, texts in error.data["errors"].items():
                form.add_error(name if name in form.fields else None, texts)
        else:
            response = HttpResponseRedirect(reverse("accounts:me"))
            remember_preferences(response, user)
            with translation.override(user.language):
                messages.success(request, _("Saved."))
            return response
    return render(
        request, "accounts/profile.html", {"form": form, "person": user}, status=400 if form.errors else 200
    )
