"""Forms of promotions and protected aliases."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from registry.mlflow.entities import ModelVersion

# In place of a version's number: the alias shall point nowhere.
REMOVE = "remove"


class ChooseForm(forms.Form):
    """Which alias, and to which version, or to none: `REMOVE`."""

    alias = forms.ChoiceField(label=_("Alias"))
    version = forms.ChoiceField(label=_("Version"))

    def __init__(
        self, aliases: Iterable[str], versions: Iterable[ModelVersion], *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (
            ("alias", [(alias, alias) for alias in aliases]),
            (
                "version",
                [
                    *((str(v.version), f"v{v.version}") for v in versions),
                    (REMOVE, gettext("nowhere: remove it")),
                ],
            ),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = choices


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Whoever decides reads it, and it stays on record."),
    )


class ProtectForm(forms.Form):
    """Which alias to protect, and of which model."""

    alias = forms.CharField(
        label=_("Alias"), max_length=63, widget=forms.TextInput(attrs={"list": "suggested"})
    )
    model = forms.CharField(
        label=_("Model"), max_length=256, required=False, help_text=_("Empty: of all models.")
    )
