"""One's own profile."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.actions.sign_in import actor_of
from accounts.actions.users import save_preferences
from accounts.errors import Invalid
from accounts.forms import ProfileForm
from accounts.models import User
from accounts.origin import Origin
from accounts.views.common import remember_preferences, signed_in


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in()
def me(request: HttpRequest, user: User) -> HttpResponse:
    """One's own profile: name, email, language, theme."""
    initial = {"name": user.name, "email": user.email, "language": user.language, "theme": user.theme}
    form = ProfileForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            with Origin.of(request, "page").acting(actor_of(user)):
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
