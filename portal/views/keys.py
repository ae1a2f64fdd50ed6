"""Protection keys: what wraps what, how old it is, rotating and destroying. No key is on these pages, nor can be."""

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.errors import NotFound
from accounts.models import Account, KeyDestruction, KeyRotation
from accounts.recent import require_recent
from accounts.rotation import begin, running
from accounts.rotation.status import keys_of, last_rotations, platform_keys, root_status
from accounts.tenancy import platform_scope
from portal.api.platform import found_project
from projects.actions import key_destruction as destruction
from projects.doors.pages import PlatformView
from projects.views.common import attempt, page_of

_HISTORY = 5
# What the operator does for a new root key (docs/operations.md, Keys), by whether a transit engine keeps it.
_ROOT_COMMANDS = {
    False: (
        "export PORTAL_ROOT_KEY=<new> PORTAL_ROOT_KEY_PREVIOUS=<old>\n"
        'python manage.py keys rotate-root --reason "a new root key"\n'
        "python manage.py keys status"
    ),
    True: 'vault write -f transit/keys/<name>/rotate\npython manage.py keys rotate-root --reason "a new version"',
}


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


class AccountRotationForm(forms.Form):
    """Why one account's key is rotated."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=500,
        help_text=gettext_lazy("Goes into the audit log."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class ShredForm(AccountRotationForm):
    """Why an account's keys are to be destroyed, and its project's name, typed."""

    confirm = forms.CharField(
        label=gettext_lazy("The project's name"),
        max_length=48,
        help_text=gettext_lazy("Type it, to confirm."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )


class DecideForm(forms.Form):
    """A second admin's decision."""

    destruction = forms.UUIDField(widget=forms.HiddenInput)
    confirm = forms.CharField(
        label=gettext_lazy("The project's name"),
        max_length=48,
        required=False,
        help_text=gettext_lazy("Type it, to approve."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    note = forms.CharField(
        label=gettext_lazy("Note"),
        max_length=500,
        required=False,
        help_text=gettext_lazy("It stays on record."),
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
        root = root_status()
        context = progress_context() | {
            "form": form,
            "root": root,
            "platform_keys": platform_keys(),
            "accounts": keys_of(accounts["rows"]),
            "next_url": accounts["next_url"],
            "previous_url": accounts["previous_url"],
            "last": last_rotations(),
            "root_commands": _ROOT_COMMANDS[root.provider == "transit"],
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


class AccountKeyPage(PlatformView):
    """One account's key: rotating it, and, with a second admin, destroying it."""

    reader: ClassVar[str] = "admin"

    def _by(self) -> destruction.Admin:
        return destruction.Admin(self.identity.actor, self.user.pk, "page")

    def shown(self, request: HttpRequest, pk: UUID, status: int = 200, **forms_: Any) -> HttpResponse:
        """Show the account's key, with a form that was refused."""
        project = found_project(pk)
        account = project.account
        requests = KeyDestruction.objects.filter(account_id=pk).order_by("-created_at")
        waiting = next((row for row in requests[:_HISTORY] if row.decidable), None)
        context = {
            "project": project,
            "account": account,
            "keys": keys_of([account])[0],
            "requests": list(requests[:_HISTORY]),
            "waiting": waiting,
            "own": waiting is not None and waiting.asked_by_id == self.user.pk,
            "alone": destruction.alone(self.user.pk),
            "rotation": running(),
            "rotations": list(KeyRotation.objects.filter(only=pk).order_by("-created_at")[:_HISTORY]),
            "rotate_form": AccountRotationForm(),
            "shred_form": ShredForm(),
            "decide_form": DecideForm(),
            "api_url": f"/api/v1/platform/keys/accounts/{pk}/destruction",
        }
        return self.page(request, "portal/platform_account_key.html", context | forms_, status)

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        return self.shown(request, pk)

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        require_recent(request)
        with platform_scope(self.reader):
            found_project(pk)
        do = request.POST.get("do", "")
        name, form, act = {
            "rotate": ("rotate_form", AccountRotationForm(request.POST), self._rotate),
            "shred": ("shred_form", ShredForm(request.POST), self._ask),
        }.get(do, ("decide_form", DecideForm(request.POST), self._decide))
        if form.is_valid() and attempt(form, lambda: act(pk, do, form.cleaned_data) or True):
            return HttpResponseRedirect(reverse("portal:platform_account_key", args=[pk]))
        with platform_scope(self.reader):
            response = self.shown(request, pk, 400, **{name: form})
            return getattr(response, "render", lambda: response)()

    def _rotate(self, pk: UUID, do: str, wanted: dict[str, Any]) -> None:
        begin(KeyRotation.Kind.ACCOUNTS, reason=wanted["reason"], only=pk)

    def _ask(self, pk: UUID, do: str, wanted: dict[str, Any]) -> None:
        destruction.ask_destruction(pk, self._by(), confirm=wanted["confirm"], reason=wanted["reason"])

    def _decide(self, pk: UUID, do: str, wanted: dict[str, Any]) -> None:
        asked = destruction.find_destruction(wanted["destruction"])
        if asked.account_id != pk:
            raise NotFound("key.destruction_not_found", _("There is no such request."))
        if do == "approve":
            destruction.approve_destruction(asked, self._by(), confirm=wanted["confirm"], note=wanted["note"])
        else:
            destruction.reject_destruction(asked, self._by(), wanted["note"])
