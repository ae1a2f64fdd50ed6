"""Forms that make API tokens."""

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from projects.forms import Roles
from projects.permissions import Permission

LIFETIMES = [
    (str(days * 24 * 3600), label)
    for days, label in ((7, _("7 days")), (30, _("30 days")), (90, _("90 days")), (365, _("1 year")))
]


class NewTokenForm(forms.Form):
    """What every new token is told."""

    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        help_text=_("Where it will be used, so that you know which one to revoke."),
    )
    lifetime = forms.TypedChoiceField(
        label=_("Expires in"), choices=LIFETIMES, coerce=int, initial=LIFETIMES[2][0]
    )
    addresses = forms.CharField(
        label=_("Only from these addresses"),
        max_length=1300,
        required=False,
        help_text=_("Addresses or networks, such as 10.1.0.0/16 or 2001:db8::/32. Empty: from anywhere."),
        widget=forms.Textarea(attrs={"rows": 2, "class": "mono", "spellcheck": "false"}),
    )

    def clean_addresses(self) -> list[str]:
        """Split at commas and white space; what they mean is for the action to say."""
        return [text for text in re.split(r"[\s,]+", self.cleaned_data["addresses"]) if text]


class ScopedTokenForm(NewTokenForm):
    """A token that may be cut down to some of the permissions that are `held`: a robot's, as it stands."""

    scopes = forms.MultipleChoiceField(
        label=_("Only these permissions"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, held: frozenset[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        scopes = self.fields["scopes"]
        assert isinstance(scopes, forms.MultipleChoiceField)
        scopes.choices = [(p.value, p.value) for p in Permission if p.value in held]

    @property
    def scope_groups(self) -> list[tuple[str, list[tuple[str, forms.boundfield.BoundWidget]]]]:
        """The permissions by what they are about: (thing, [(verb, checkbox)])."""
        groups: dict[str, list[tuple[str, forms.boundfield.BoundWidget]]] = {}
        for box in self["scopes"]:
            thing, _dot, verb = str(box.data["value"]).partition(".")
            groups.setdefault(thing, []).append((verb, box))
        return list(groups.items())


class TokenForm(ScopedTokenForm):
    """A person's token: the roles and permissions offered are those that do no more than their own."""

    role = forms.ChoiceField(label=_("Role"), choices=[])

    def __init__(self, roles: Roles, held: frozenset[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(held, *args, **kwargs)
        role = self.fields["role"]
        assert isinstance(role, forms.ChoiceField)
        role.choices = list(roles)


class PlatformTokenForm(NewTokenForm):
    """A platform token."""

    read_only = forms.BooleanField(label=_("Read only: it changes nothing"), required=False)
