"""The form of a deletion."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy


class DeletionForm(forms.Form):
    """Why, and what is to be deleted, typed out."""

    reason = forms.CharField(
        label=lazy("Reason"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=lazy("It stays on record and in the statement."),
    )
    confirm = forms.CharField(max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, wanted: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["confirm"].label = _("Write “%(name)s” to confirm") % {"name": wanted}
