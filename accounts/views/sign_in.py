"""Signing in and out, and proving it again."""

from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import passkeys
from accounts.actions import external, factors
from accounts.actions import password as password_actions
from accounts.actions import sign_in as actions
from accounts.errors import Forbidden, Invalid, PortalError, Unauthenticated, Unavailable
from accounts.forms import CodeForm, PasskeyForm, PasswordForm, SignInAgainForm, SignInForm
from accounts.models import Factor, User
from accounts.problems import headers
from accounts.standing import Due
from accounts.throttle import Throttled
from accounts.views.common import go_on, safe_next, signed_in, wanted_page


def shown(
    request: HttpRequest, template: str, form: forms.Form, error: PortalError | None, **context: object
) -> HttpResponse:
    """The form again, with what was wrong; a wait also in the header that programs read."""
    status = error.status if error is not None else 400 if form.errors else 200
    context = {"wrong": error, "provider": settings.OIDC_NAME if settings.OIDC_ISSUER else "", **context}
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
            user = password_actions.sign_in(
                request, form.cleaned_data["username"], form.cleaned_data["password"]
            )
        except (Unauthenticated, Forbidden, Throttled, Unavailable) as error:
            wrong = error
        else:
            if user is None:
                return to_second_step(wanted_page(request))
            return go_on(request, user, wanted_page(request))
    return shown(request, "accounts/sign_in.html", form, wrong, passkeys=passkeys.possible(request))


def to_second_step(wanted: str) -> HttpResponse:
    """Lead somebody who has done the first step to the second."""
    query = f"?{urlencode({'next': wanted})}" if wanted else ""
    return HttpResponseRedirect(reverse("accounts:second_step") + query)


@sensitive_post_parameters("code", "credential")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def second_step(request: HttpRequest) -> HttpResponse:
    """Ask for the second factor of somebody who has just given the first. To the rest of the portal they are nobody."""
    if isinstance(request.user, User):
        return HttpResponseRedirect(safe_next(request, wanted_page(request)))
    try:
        user, _by = actions.half_signed_in(request)
    except Unauthenticated:
        return HttpResponseRedirect(reverse("accounts:sign_in"))
    form, wrong = CodeForm(), None
    if request.method == "POST":
        answer = PasskeyForm(request.POST)
        form = CodeForm(request.POST if "code" in request.POST else None)
        try:
            if answer.is_valid():
                done = actions.second_step_by_passkey(request, answer.cleaned_data["credential"])
                return go_on(request, done, wanted_page(request))
            if form.is_valid():
                done = actions.second_step(request, form.cleaned_data["code"])
                return go_on(request, done, wanted_page(request))
        except (Unauthenticated, Invalid, Throttled) as error:
            wrong = error
    kinds = {factor.kind for factor in factors.factors_of(user)}
    options = None
    if Factor.Kind.PASSKEY in kinds and passkeys.possible(request):
        options = passkeys.begin_authentication(request, user)
    context = {"app": Factor.Kind.TOTP in kinds, "options": options}
    return shown(request, "accounts/second_step.html", form, wrong, **context)


@sensitive_post_parameters("credential")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def passkey(request: HttpRequest) -> HttpResponse:
    """Sign in with a passkey alone: the device asks for a PIN or a finger."""
    if isinstance(request.user, User):
        return HttpResponseRedirect(safe_next(request, wanted_page(request)))
    form = PasskeyForm(request.POST if request.method == "POST" else None)
    wrong: PortalError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            user = actions.sign_in_by_passkey(request, form.cleaned_data["credential"])
        except (Invalid, Throttled) as error:
            wrong = error
        else:
            return go_on(request, user, wanted_page(request))
    options = passkeys.begin_authentication(request, None) if passkeys.possible(request) else None
    return shown(request, "accounts/passkey.html", form, wrong, options=options)


@never_cache
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    actions.sign_out(request)
    return HttpResponseRedirect(reverse("accounts:sign_in"))


@sensitive_post_parameters("password", "code", "credential")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in(Due.SECOND_FACTOR)
def sign_in_again(request: HttpRequest, user: User) -> HttpResponse:
    """Ask who is there once more, before something dangerous: by password (a code where there is none) or passkey."""
    by_password, wrong = password_actions.takes_password(user), None
    form: forms.Form = SignInAgainForm() if by_password else CodeForm()
    if request.method == "POST":
        answer = PasskeyForm(request.POST)
        given = request.POST if "password" in request.POST or "code" in request.POST else None
        form = SignInAgainForm(given) if by_password else CodeForm(given)
        try:
            if answer.is_valid():
                actions.sign_in_again_by(request, user, answer=answer.cleaned_data["credential"])
                return HttpResponseRedirect(safe_next(request, wanted_page(request)))
            if form.is_valid():
                if by_password:
                    password_actions.sign_in_again(request, user, form.cleaned_data["password"])
                else:
                    actions.sign_in_again_by(request, user, code=form.cleaned_data["code"])
                return HttpResponseRedirect(safe_next(request, wanted_page(request)))
        except (Unauthenticated, Invalid, Throttled, Unavailable) as error:
            wrong = error
    kinds = {factor.kind for factor in factors.factors_of(user)}
    options = None
    if Factor.Kind.PASSKEY in kinds and passkeys.possible(request):
        options = passkeys.begin_authentication(request, user)
    connected = any(identity.issuer == settings.OIDC_ISSUER for identity in external.identities_of(user))
    context = {
        "provider": settings.OIDC_NAME if connected else "",
        "by_password": by_password,
        "options": options,
        "code": not by_password and Factor.Kind.TOTP in kinds,
    }
    return shown(request, "accounts/sign_in_again.html", form, wrong, **context)


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
            wrong = error
        except Invalid as error:
            for name, texts in error.data["errors"].items():
                form.add_error(name, texts)
        else:
            messages.success(request, _("Your password is changed. Other sessions of yours have ended."))
            return go_on(request, user, wanted_page(request))
    return shown(request, "accounts/set_password.html", form, wrong, forced=user.must_change_password)
