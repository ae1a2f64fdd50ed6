"""Forms of promotions and protected aliases."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from registry.mlflow.entities import ModelVersion


class ChooseForm(forms.Form):
    """Which alias, and to which version; an empty version removes it."""

    alias = forms.ChoiceField(label=lazy("Alias"))
    version = forms.ChoiceField(label=lazy("Version"), required=False)

    def __init__(
        self, aliases: Iterable[str], versions: Iterable[ModelVersion], *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (
            ("alias", [(alias, alias) for alias in aliases]),
            (
                "version",
                [*((str(v.version), f"v{v.version}") for v in versions), ("", _("nowhere: remove it"))],
            ),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = choices


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(
        label=lazy("Reason"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=lazy("Whoever decides reads it, and it stays on record."),
    )


class ProtectForm(forms.Form):
    """Which alias to protect, and of which model."""

    alias = forms.CharField(
        label=lazy("Alias"), max_length=63, widget=forms.TextInput(attrs={"list": "suggested"})
    )
    model = forms.CharField(
        label=lazy("Model"), max_length=256, required=False, help_text=lazy("Empty: of all models.")
    )
