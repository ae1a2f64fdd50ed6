"""Everything that keeps one's own sign-in safe, on one page."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import devices, oidc, passkeys
from accounts.actions import external, factors, sessions
from accounts.actions.sessions import SIGN_IN_ACTIONS, recent_sign_ins
from accounts.actions.sign_in import actor_of
from accounts.forms import EndSessionForm
from accounts.models import User
from accounts.origin import Origin
from accounts.standing import Due, due
from accounts.views.common import signed_in, wanted_page


@never_cache
@require_http_methods(["GET", "HEAD"])
@signed_in(Due.SECOND_FACTOR)
def security(request: HttpRequest, user: User) -> HttpResponse:
    """Password, second factors, sessions, recent sign-ins."""
    this = getattr(request.session, "row_id", None)
    context: dict[str, Any] = {
        "person": user,
        "due": due(user),
        "factors": factors.factors_of(user),
        "codes_left": factors.codes_left(user),
        "passkeys": passkeys.possible(request),
        "identities": external.identities_of(user),
        "provider": settings.OIDC_NAME if oidc.enabled() else "",
        "next": wanted_page(request),
        "sessions": [
            {
                "id": session.pk,
                "device": devices.describe(session.user_agent),
                "ip": session.ip,
                "started_at": session.started_at,
                "last_seen_at": session.last_seen_at,
                "current": session.pk == this,
            }
            for session in sessions.living_sessions(user)
        ],
        "sign_ins": [
            {
                "event": event,
                "label": SIGN_IN_ACTIONS[event.action],
                "device": devices.describe(event.user_agent),
            }
            for event in recent_sign_ins(user)
        ],
    }
    return render(request, "accounts/security.html", context)


@signed_in(Due.SECOND_FACTOR)
def end_session(request: HttpRequest, user: User) -> HttpResponse:
    """End one of one's sessions, or all but this one."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    form = EndSessionForm(request.POST)
    with Origin.of(request, "page").acting(actor_of(user)):
        if form.is_valid() and form.cleaned_data["session"] is not None:
            sessions.end_session(user, form.cleaned_data["session"])
            messages.success(request, _("That session has ended."))
        elif form.is_valid():
            count = sessions.end_other_sessions(user, request.session)
            messages.success(
                request,
                ngettext("%(count)d other session has ended.", "%(count)d other sessions have ended.", count)
                % {"count": count},
            )
        else:
            messages.error(request, _("There is no such session."))
    return HttpResponseRedirect(f"{reverse('accounts:security')}#sessions")
