"""Signing in and out, and proving it again."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.actions import sign_in as actions
from accounts.errors import Invalid, PortalError, Unauthenticated
from accounts.forms import PasswordForm, SignInAgainForm, SignInForm
from accounts.models import User
from accounts.problems import headers
from accounts.standing import Due
from accounts.throttle import Throttled
from accounts.views.common import go_on, safe_next, signed_in, wanted_page


def _shown(
    request: HttpRequest, template: str, form: forms.Form, error: PortalError | None, **context: object
) -> HttpResponse:
    """The form again, with what was wrong; a wait also in the header that programs read."""
    status = error.status if error is not None else 400 if form.errors else 200
    response = render(
        request, template, {"form": form, "next": wanted_page(request), **context}, status=status
    )
    if isinstance(error, Throttled):
        for name, value in headers(error).items():
            response[name] = value
    return response


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Open a session. A person with a one-time password goes on to choose one of their own."""
    if isinstance(request.user, User):
        return HttpResponseRedirect(safe_next(request, wanted_page(request)))
    form = SignInForm(request.POST if request.method == "POST" else None)
    wrong: PortalError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            user = actions.sign_in(request, form.cleaned_data["username"], form.cleaned_data["password"])
        except (Unauthenticated, Throttled) as error:
            form.add_error(None, str(error))
            wrong = error
        else:
            return go_on(request, user, wanted_page(request))
    return _shown(request, "accounts/sign_in.html", form, wrong)


@never_cache
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    actions.sign_out(request)
    return HttpResponseRedirect(reverse("accounts:sign_in"))


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in(Due.SECOND_FACTOR)
def sign_in_again(request: HttpRequest, user: User) -> HttpResponse:
    """Ask who is there once more, before something dangerous."""
    form = SignInAgainForm(request.POST if request.method == "POST" else None)
    wrong: PortalError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            actions.sign_in_again(request, user, form.cleaned_data["password"])
        except (Unauthenticated, Throttled) as error:
            form.add_error("password", str(error))
            wrong = error if isinstance(error, Throttled) else None
        else:
            return HttpResponseRedirect(safe_next(request, wanted_page(request)))
    return _shown(request, "accounts/sign_in_again.html", form, wrong)


@sensitive_post_parameters("current", "password", "again")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in(Due.PASSWORD, Due.SECOND_FACTOR)
def password(request: HttpRequest, user: User) -> HttpResponse:
    """Choose a new password."""
    form = PasswordForm(user, request.POST if request.method == "POST" else None)
    wrong: PortalError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            actions.change_password(
                request, user, form.cleaned_data.get("current", ""), form.cleaned_data["password"]
            )
        except Throttled as error:
            form.add_error(None, str(error))
            wrong = error
        except Invalid as error:
            for name, texts in error.data["errors"].items():
                form.add_error(name, texts)
        else:
            messages.success(request, _("Your password is changed. Other sessions of yours have ended."))
            return go_on(request, user, wanted_page(request))
    return _shown(request, "accounts/set_password.html", form, wrong, forced=user.must_change_password)
