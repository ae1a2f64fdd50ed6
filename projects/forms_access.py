"""Forms of requests, grants and roles."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from projects.explained import explained

DAYS = [
    (days, label)
    for days, label in ((1, _("1 day")), (7, _("7 days")), (30, _("30 days")), (90, _("90 days")))
]


def _words(permissions: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, f"{explained(name)} ({name})") for name in permissions]


class DecisionForm(forms.Form):
    """A word to who asked."""

    note = forms.CharField(
        label=_("Note"),
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Who asked reads it, and it stays on record."),
    )


class AccessForm(forms.Form):
    """Which permission is needed, why, and for how long."""

    permission = forms.ChoiceField(label=_("Permission"), choices=[])
    days = forms.TypedChoiceField(label=_("For"), choices=DAYS, coerce=int)
    reason = forms.CharField(
        label=_("Reason"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("What you need it for. Whoever decides reads it, and it stays on record."),
    )

    def __init__(self, permissions: Sequence[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["permission"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = _words(permissions)


class GiveForm(AccessForm):
    """Which permission a member gets, why, and for how long."""


class RoleMakeForm(forms.Form):
    """A role of the project's own: at most what its maker holds."""

    name = forms.CharField(
        label=_("Name"),
        max_length=32,
        help_text=_("Lower-case letters, digits and hyphens."),
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none"}),
    )
    description = forms.CharField(label=_("Description"), max_length=300, required=False)
    permissions = forms.MultipleChoiceField(
        label=_("May"), choices=[], required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, permissions: Sequence[str], *args: Any, fixed: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if fixed:
            del self.fields["name"]
        field = self.fields["permissions"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = _words(permissions)
