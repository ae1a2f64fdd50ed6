"""The account's own protection key: its versions, what lies under them, and a new version of it."""

from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from projects.actions.account_key import key_versions, rotate_own_key, rotations_of_own_key
from projects.doors.grant import Grant
from projects.doors.pages import ProjectView
from projects.permissions import Permission
from projects.views.common import attempt

_HISTORY = 5


class KeyReasonForm(forms.Form):
    """Why the key is rotated."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        help_text=_("Goes into the audit log."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class AccountKeyPage(ProjectView):
    """Versions, ages, counts; rotating, with its progress."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.PROJECT_READ, "post": Permission.KEY_ROTATE}

    def _context(self) -> dict[str, Any]:
        rotations = list(rotations_of_own_key()[:_HISTORY])
        return {
            "versions": list(key_versions()[:50]),
            "rotations": rotations,
            "busy": any(not rotation.finished for rotation in rotations),
            "api_url": f"/api/v1/projects/{self.grant.slug}/protection-key",
        }

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        if request.GET.get("part") == "progress":
            return self.page(request, "projects/partials/account_key.html", self._context())
        return self.page(request, "projects/account_key.html", {"form": KeyReasonForm(), **self._context()})

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        form = KeyReasonForm(request.POST)
        if form.is_valid():
            asked = attempt(form, lambda: rotate_own_key(grant, form.cleaned_data["reason"]))
            if asked is not None:
                return HttpResponseRedirect(reverse("project:account_key", args=[grant.slug]))
        return self.page(request, "projects/account_key.html", {"form": form, **self._context()}, 400)
