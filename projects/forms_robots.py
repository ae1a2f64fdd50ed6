"""Forms that make, change and stop robots."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from projects.forms import Roles


class RobotChangeForm(forms.Form):
    """What of a robot can be changed: the roles offered do no more than who makes it."""

    description = forms.CharField(
        label=_("Description"),
        max_length=300,
        required=False,
        help_text=_("What it does, and where it runs."),
    )
    role = forms.ChoiceField(label=_("Role"), choices=[])
    responsible = forms.ChoiceField(
        label=_("Responsible person"),
        choices=[],
        help_text=_("Whom to ask. When they leave, the robot goes on, and owners are told."),
    )
    until = forms.DateField(
        label=_("Until"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("The last day; without one the robot has no end. Its tokens end earlier."),
    )

    def __init__(self, roles: Roles, members: Sequence[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        role, responsible = self.fields["role"], self.fields["responsible"]
        assert isinstance(role, forms.ChoiceField)
        assert isinstance(responsible, forms.ChoiceField)
        role.choices = list(roles)
        responsible.choices = [(name, name) for name in members]


class RobotForm(RobotChangeForm):
    """A robot to make."""

    field_order = ("name", "description", "role", "responsible", "until")
    name = forms.CharField(
        label=_("Name"),
        max_length=32,
        help_text=_("Lower-case letters, digits and hyphens. The audit log calls it so."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )


class StopForm(forms.Form):
    """Why a robot is stopped."""

    reason = forms.CharField(label=_("Reason"), max_length=500, help_text=_("It stays on record."))
