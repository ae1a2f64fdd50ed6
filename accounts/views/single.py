"""Signing in through the organisation's provider, proving it again there, and connecting an account of it."""

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import oidc
from accounts.actions import external
from accounts.actions.sign_in import actor_of, confirmed_again, take_a_try
from accounts.audit import ANONYMOUS, Target
from accounts.errors import Conflict, PortalError, Unauthenticated
from accounts.forms import IdentityForm
from accounts.models import User
from accounts.origin import Origin
from accounts.recent import require_recent
from accounts.standing import Due
from accounts.tries import Tries
from accounts.views.common import go_on, safe_next, signed_in, wanted_page
from accounts.views.sign_in import to_second_step


@never_cache
@require_safe
def begin(request: HttpRequest) -> HttpResponse:
    """Go to the provider: to sign in, or with `again` to prove it once more."""
    if not oidc.enabled():
        raise Http404
    again = "again" in request.GET and isinstance(request.user, User)
    if isinstance(request.user, User) and not again:
        return HttpResponseRedirect(safe_next(request, wanted_page(request)))
    origin = Origin.of(request, "page")
    with origin.acting(ANONYMOUS):
        take_a_try(Tries.of_address(origin.ip), "user.sign_in", Target("user", "", ""))
    try:
        return HttpResponseRedirect(
            oidc.begin(request, "again" if again else "sign in", wanted_page(request))
        )
    except PortalError as error:
        return _failed(request, error)


@never_cache
@signed_in(Due.SECOND_FACTOR)
def connect(request: HttpRequest, user: User) -> HttpResponse:
    """Go to the provider to connect the account there with the person here."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not oidc.enabled():
        raise Http404
    require_recent(request)
    # A page of ours goes on by a link: the Content-Security-Policy lets forms lead nowhere else.
    address = oidc.begin(request, "connect", reverse("accounts:security"))
    return render(
        request, "accounts/connect_provider.html", {"address": address, "provider": settings.OIDC_NAME}
    )


@never_cache
@require_safe
def back(request: HttpRequest) -> HttpResponse:
    """Take the provider's answer."""
    if not oidc.enabled():
        raise Http404
    origin = Origin.of(request, "page")
    tries = Tries.of_address(origin.ip)
    try:
        with origin.acting(ANONYMOUS):
            take_a_try(tries, "user.sign_in", Target("user", "", ""))
        flow, claims = oidc.finish(request)
        tries.succeeded()
        if flow.purpose == "sign in":
            user = external.sign_in_external(
                request, claims, settings.OIDC_GROUPS, create=settings.OIDC_CREATE_USERS, by="single sign-on"
            )
            return to_second_step(flow.next) if user is None else go_on(request, user, flow.next)
        return _for_somebody(request, flow, claims)
    except PortalError as error:
        return _failed(request, error)


def _for_somebody(request: HttpRequest, flow: oidc.Flow, claims: external.Claims) -> HttpResponse:
    user = request.user
    if not isinstance(user, User):
        raise Unauthenticated(
            "auth.required", _("Your session has ended meanwhile. Sign in, and begin again.")
        )
    if flow.purpose == "connect":
        external.connect(request, user, claims, settings.OIDC_GROUPS)
        text = _("Connected: from now on you can sign in with %(name)s.")
        messages.success(request, text % {"name": settings.OIDC_NAME})
    elif external.belongs_to(user, claims):
        confirmed_again(request, user, "single sign-on")
    else:
        raise Conflict("identity.other", _("That is the account of somebody else."))
    return HttpResponseRedirect(safe_next(request, flow.next))


def _failed(request: HttpRequest, error: PortalError) -> HttpResponse:
    context = {"wrong": error, "provider": settings.OIDC_NAME, "signed_in": isinstance(request.user, User)}
    response = render(request, "accounts/provider_failed.html", context, status=error.status)
    if "retry_after" in error.data:
        response["Retry-After"] = str(error.data["retry_after"])
    return response


@signed_in(Due.SECOND_FACTOR)
def disconnect(request: HttpRequest, user: User) -> HttpResponse:
    """Forget an account elsewhere."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    require_recent(request)
    form = IdentityForm(request.POST)
    if form.is_valid():
        with Origin.of(request, "page").acting(actor_of(user)):
            try:
                external.disconnect(user, form.cleaned_data["identity"])
                messages.success(request, _("You are connected with that account no more."))
            except Conflict as error:
                messages.error(request, str(error))
    return HttpResponseRedirect(reverse("accounts:security"))
