"""Forms of notices and webhooks."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from projects.notifications import Kind


class PreferencesForm(forms.Form):
    """What a person wants by mail."""

    mail = forms.BooleanField(label=_("Send me notices by mail"), required=False)
    wanted = forms.MultipleChoiceField(
        label=_("Kinds"), required=False, widget=forms.CheckboxSelectMultiple, choices=[]
    )

    def __init__(self, kinds: Sequence[Kind], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kinds = [kind.name for kind in kinds]
        field = self.fields["wanted"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(kind.name, kind.label) for kind in kinds]

    @property
    def muted(self) -> list[str]:
        """The kinds that were not chosen."""
        return [name for name in self._kinds if name not in self.cleaned_data["wanted"]]


class WebhookForm(forms.Form):
    """A webhook to add."""

    name = forms.CharField(label=_("Name"), max_length=120)
    url = forms.CharField(
        label=_("Address"),
        max_length=2048,
        widget=forms.URLInput(attrs={"placeholder": "https://", "spellcheck": "false"}),
    )
    credential = forms.ChoiceField(
        label=_("Signed with"),
        choices=[],
        help_text=_("A credential of the kind webhook. Receivers check the signature with the same secret."),
    )
    kinds = forms.MultipleChoiceField(
        label=_("Kinds"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=[],
        help_text=_("All of them where none is chosen."),
    )

    def __init__(
        self, credentials: Sequence[tuple[str, str]], kinds: Sequence[Kind], *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        secret, chosen = self.fields["credential"], self.fields["kinds"]
        assert isinstance(secret, forms.ChoiceField)
        assert isinstance(chosen, forms.MultipleChoiceField)
        secret.choices = list(credentials)
        chosen.choices = [(kind.name, kind.label) for kind in kinds]
