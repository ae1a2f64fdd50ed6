"""Forms of the targets that the audit log is forwarded to."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from projects.models import ForwardTarget


class ForwardForm(forms.Form):
    """A target to add."""

    name = forms.CharField(label=_("Name"), max_length=120)
    kind = forms.ChoiceField(label=_("Kind"), choices=ForwardTarget.Kind.choices)
    address = forms.CharField(
        label=_("Address"),
        max_length=2048,
        help_text=_("A URL, host:port for syslog, or mail addresses with commas between them."),
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none"}),
    )
    secret = forms.CharField(
        label=_("Secret"),
        max_length=1024,
        required=False,
        strip=False,
        help_text=_("For a webhook: signs what is posted. 16 characters or more; never shown again."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    authority = forms.CharField(
        label=_("Certificate authority"),
        max_length=65_536,
        required=False,
        help_text=_("Certificates in PEM, where the receiver's is not from a public authority."),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )
    events = forms.BooleanField(
        label=_("Forward events"),
        required=False,
        initial=True,
        help_text=_("Every record of the log, in the order of sealing. Mail gets receipts only."),
    )
    begin = forms.ChoiceField(
        label=_("Begin"), choices=ForwardTarget.Begin.choices, initial=ForwardTarget.Begin.NOW
    )
    receipts = forms.ChoiceField(
        label=_("Send receipts"), choices=ForwardTarget.Every.choices, initial=ForwardTarget.Every.NEVER
    )


class ForwardChangeForm(forms.Form):
    """What of a target is changed; an empty secret keeps the one that it has."""

    name = forms.CharField(label=_("Name"), max_length=120)
    address = forms.CharField(
        label=_("Address"),
        max_length=2048,
        help_text=_("What waits goes to the new address; how far the target has the log stays."),
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none"}),
    )
    secret = forms.CharField(
        label=_("New secret"),
        max_length=1024,
        required=False,
        strip=False,
        help_text=_("16 characters or more; empty keeps the one that it has."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    authority = forms.CharField(
        label=_("Certificate authority"),
        max_length=65_536,
        required=False,
        help_text=_("Certificates in PEM; empty for the public authorities."),
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
    )

    def __init__(self, row: ForwardTarget, data: Any = None) -> None:
        initial = {"name": row.name, "address": row.address, "authority": row.authority}
        super().__init__(data, initial=initial)
        if row.kind != ForwardTarget.Kind.WEBHOOK:
            del self.fields["secret"]
        if row.kind not in (ForwardTarget.Kind.WEBHOOK, ForwardTarget.Kind.SYSLOG_TLS):
            del self.fields["authority"]


class PlatformForwardForm(ForwardForm):
    """A target of the platform to add."""

    every_log = forms.BooleanField(
        label=_("Every account's log too"),
        required=False,
        help_text=_(
            "Otherwise the platform's own log alone. Whoever receives every log reads what auditors read."
        ),
    )

    field_order: Any = ("name", "kind", "address", "secret", "authority", "every_log")
