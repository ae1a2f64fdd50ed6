"""Break-glass from the platform's side: a way into a project, for hours, with a reason."""

from typing import ClassVar

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.recent import require_recent
from accounts.tenancy import platform_scope
from projects.actions.break_glass import HOURS, break_glass
from projects.doors.pages import PlatformView
from projects.views.common import attempt

_HOURS = [(hours, str(hours)) for hours in HOURS]


class BreakGlassForm(forms.Form):
    """Where to, why, for how long, and whether anything is to be changed."""

    project = forms.CharField(
        label=_("Project"),
        max_length=48,
        help_text=_("Its slug, as in its address."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"}),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("The owners and the auditors read it at once."),
    )
    hours = forms.TypedChoiceField(label=_("Hours"), choices=_HOURS, coerce=int)
    repair = forms.BooleanField(
        label=_("Also repair: members, tokens, endpoints, webhooks"),
        required=False,
        help_text=_("Without it you only look. Data, secrets and predictions stay closed either way."),
    )


class BreakGlassPage(PlatformView):
    """Asks why, then opens a project to this admin."""

    reader: ClassVar[str] = "admin"

    def _shown(self, request: HttpRequest, form: BreakGlassForm, status: int = 200) -> HttpResponse:
        opened = [entrance for entrance in self.entrances if entrance.break_glass_id]
        return self.page(request, "portal/break_glass.html", {"form": form, "opened": opened}, status)

    def get(self, request: HttpRequest) -> HttpResponse:
        asked = request.GET.get("project", "")[:48]
        return self._shown(request, BreakGlassForm(initial={"project": asked, "hours": HOURS[0]}))

    def post(self, request: HttpRequest) -> HttpResponse:
        require_recent(request)
        form = BreakGlassForm(request.POST)
        entered = None
        if form.is_valid():
            wanted = dict(form.cleaned_data)
            slug = wanted.pop("project")
            entered = attempt(form, lambda: break_glass(self.user, slug, **wanted))
        if entered is None:
            with platform_scope(self.reader):
                response = self._shown(request, form, 400)
                return getattr(response, "render", lambda: response)()
        return HttpResponseRedirect(reverse("portal:home", args=[entered.slug]))
