"""Protection keys: what wraps what, how old it is, and rotating it. No key is on this page, nor can be."""

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Account, KeyRotation
from accounts.recent import require_recent
from accounts.rotation import begin, running
from accounts.rotation.status import keys_of, last_rotations, platform_keys, root_status
from accounts.tenancy import platform_scope
from projects.doors.pages import PlatformView
from projects.views.common import attempt, page_of

_HISTORY = 5


class RotationForm(forms.Form):
    """What to rotate, and why."""

    kind = forms.ChoiceField(
        label=gettext_lazy("What"), choices=KeyRotation.Kind.choices, initial=KeyRotation.Kind.ACCOUNTS
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=500,
        help_text=gettext_lazy("Goes into the audit log."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


def progress_context() -> dict[str, Any]:
    """What the part of the page about rotations shows."""
    rotations: QuerySet[KeyRotation] = KeyRotation.objects.order_by("-created_at")
    return {"rotation": running(), "rotations": list(rotations[:_HISTORY])}


class KeysPage(PlatformView):
    """The state of all keys, and the form that asks for a rotation."""

    reader: ClassVar[str] = "admin"

    def _shown(self, request: HttpRequest, form: RotationForm, status: int = 200) -> HttpResponse:
        accounts = page_of(request, Account.objects.order_by("pk"), ordering="-id")
        context = progress_context() | {
            "form": form,
            "root": root_status(),
            "platform_keys": platform_keys(),
            "accounts": keys_of(accounts["rows"]),
            "next_url": accounts["next_url"],
            "previous_url": accounts["previous_url"],
            "last": last_rotations(),
        }
        return self.page(request, "portal/platform_keys.html", context, status)

    def get(self, request: HttpRequest) -> HttpResponse:
        if request.GET.get("part") == "progress":
            return self.page(request, "portal/partials/key_rotations.html", progress_context())
        return self._shown(request, RotationForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        require_recent(request)
        form = RotationForm(request.POST)
        wanted = form.cleaned_data if form.is_valid() else None
        begun = attempt(form, lambda: begin(wanted["kind"], reason=wanted["reason"])) if wanted else None
        if begun is None:
            with platform_scope(self.reader):
                response = self._shown(request, form, 400)
                return getattr(response, "render", lambda: response)()
        messages.success(request, _("The rotation is asked for; a worker begins with it within seconds."))
        return HttpResponseRedirect(reverse("portal:platform_keys"))
