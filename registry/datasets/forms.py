"""Forms of the dataset pages."""

from django import forms
from django.utils.translation import gettext_lazy as _

from registry.models import Dataset


class DatasetForm(forms.Form):
    """A new dataset."""

    name = forms.CharField(
        label=_("Name"),
        max_length=63,
        help_text=_("Lower-case letters, digits, dots, underscores and hyphens. It is part of the address."),
        widget=forms.TextInput(attrs={"autofocus": True, "spellcheck": "false", "autocapitalize": "off"}),
    )
    description = forms.CharField(
        label=_("Description"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    format = forms.ChoiceField(label=_("What it holds"), choices=Dataset.Format.choices, required=False)


class UploadForm(forms.Form):
    """What the page's uploader says of a file before it sends it."""

    filename = forms.CharField(max_length=1024, strip=False)
    size = forms.IntegerField(min_value=0, max_value=2**63 - 1)
