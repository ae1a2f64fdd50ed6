"""Forms of a dataset's sensitivity and grants."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from projects.forms_access import DAYS
from projects.models import Membership, Robot
from registry.models import Dataset

# What stands before a name in the choice of whom to let at the data.
_BEARERS = {"u": "username", "b": "robot", "r": "role"}


class SensitivityForm(forms.Form):
    """Another sensitivity, and why."""

    sensitivity = forms.ChoiceField(label=_("Sensitivity"), choices=Dataset.Sensitivity.choices)
    reason = forms.CharField(label=_("Reason"), max_length=500)


class AskForm(forms.Form):
    """Ask to be let at the data."""

    days = forms.TypedChoiceField(label=_("For"), choices=DAYS, coerce=int)
    reason = forms.CharField(label=_("Reason"), max_length=1000, widget=forms.Textarea(attrs={"rows": 3}))


class GiveForm(forms.Form):
    """Let a member, a robot or a role at the data."""

    bearer = forms.ChoiceField(label=_("Who"), choices=[])
    days = forms.TypedChoiceField(
        label=_("For"), choices=[("", _("No end")), *DAYS], coerce=int, required=False, empty_value=None
    )
    reason = forms.CharField(label=_("Reason"), max_length=500)

    def __init__(
        self,
        members: Iterable[Membership],
        robots: Iterable[Robot],
        roles: Sequence[tuple[str, str]],
        own: UUID,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        people = [(f"u:{m.user.username}", m.user.username) for m in members if m.user_id != own]
        field = self.fields["bearer"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            (_("People"), people),
            (_("Robots"), [(f"b:{robot.name}", robot.name) for robot in robots]),
            (_("Roles"), [(f"r:{name}", label) for name, label in roles]),
        ]

    @property
    def wanted(self) -> dict[str, Any]:
        """What the action takes."""
        kind, _colon, name = self.cleaned_data["bearer"].partition(":")
        return {
            _BEARERS[kind]: name,
            "days": self.cleaned_data["days"],
            "reason": self.cleaned_data["reason"],
        }
