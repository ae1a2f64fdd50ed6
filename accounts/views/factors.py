"""Setting up second factors, and taking them away: each asks for a fresh proof first."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import passkeys, totp
from accounts.actions import factors
from accounts.actions.sign_in import actor_of, take_a_try
from accounts.errors import Invalid, PortalError
from accounts.forms import AppCodeForm, FactorForm, PasskeyForm
from accounts.models import User
from accounts.origin import Origin
from accounts.recent import require_recent
from accounts.standing import Due
from accounts.throttle import Throttled
from accounts.tries import Tries
from accounts.views.common import signed_in, wanted_page
from accounts.views.sign_in import shown


def _back(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect(reverse("accounts:security"))


def _done(request: HttpRequest, codes: list[str], text: str) -> HttpResponse:
    """Back to the security page; or the recovery codes, here and nowhere else."""
    if not codes:
        messages.success(request, text)
        return _back(request)
    return render(
        request,
        "accounts/recovery_codes.html",
        {"text": "\n".join(codes), "done": text, "next": wanted_page(request)},
    )


@sensitive_post_parameters("code")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in(Due.SECOND_FACTOR)
def authenticator_app(request: HttpRequest, user: User) -> HttpResponse:
    """Show the secret once, as a QR code and as text, and take the first code."""
    require_recent(request)
    with Origin.of(request, "page").acting(actor_of(user)):
        pending = factors.pending_app(user)
        form = AppCodeForm(request.POST if request.method == "POST" else None)
        wrong: PortalError | None = None
        if request.method == "POST" and pending is not None and form.is_valid():
            try:
                tries = Tries.of_code(request, Origin.of(request, "page").ip, user.username)
                take_a_try(tries, "mfa.enable", user)
                codes = factors.confirm_app(user, form.cleaned_data["code"])
                tries.succeeded()
                return _done(request, codes, _("The authenticator app is set up."))
            except Throttled as error:
                wrong = error
            except Invalid as error:
                form.add_error("code", str(error))
        if pending is None:
            pending = factors.begin_app(user)
        secret = pending.secret.reveal()
    context = {
        "qr": totp.qr_code(totp.address(secret, user.username, request.get_host())),
        "secret": totp.shown(secret),
    }
    return shown(request, "accounts/authenticator_app.html", form, wrong, **context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in(Due.SECOND_FACTOR)
def new_passkey(request: HttpRequest, user: User) -> HttpResponse:
    """Let the browser make a passkey, and keep its public part."""
    require_recent(request)
    form = PasskeyForm(request.POST if request.method == "POST" else None)
    wrong: PortalError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            made = passkeys.complete_registration(request, form.cleaned_data["credential"])
            with Origin.of(request, "page").acting(actor_of(user)):
                codes = factors.add_passkey(user, made, form.cleaned_data["name"])
            return _done(request, codes, _("The passkey is set up."))
        except Invalid as error:
            wrong = error
    options = passkeys.begin_registration(request, user) if passkeys.possible(request) else None
    return shown(request, "accounts/new_passkey.html", form, wrong, options=options)


@signed_in(Due.SECOND_FACTOR)
def remove_factor(request: HttpRequest, user: User) -> HttpResponse:
    """Take a second factor away."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    require_recent(request)
    form = FactorForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("You have no such second factor."))
        return _back(request)
    with Origin.of(request, "page").acting(actor_of(user)):
        factor = factors.remove_factor(user, form.cleaned_data["factor"])
    messages.success(request, _("“%(name)s” is asked for no more.") % {"name": factor.name})
    return _back(request)


@never_cache
@signed_in(Due.SECOND_FACTOR)
def recovery_codes(request: HttpRequest, user: User) -> HttpResponse:
    """Make new recovery codes; those before work no more."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    require_recent(request)
    if user.second_factor_at is None:
        return _back(request)
    with Origin.of(request, "page").acting(actor_of(user)):
        codes = factors.make_recovery_codes(user)
    return _done(request, codes, _("The recovery codes before work no more."))
