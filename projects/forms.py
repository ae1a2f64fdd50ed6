"""Forms of the project's settings."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Account, Outcome
from projects.audit_log import PERIOD_CHOICES
from projects.permissions import Role

# Names of roles and what pages call them: a project has its own beside the built-in ones.
Roles = Sequence[tuple[str, str]]


def _offer(field: forms.Field, roles: Roles) -> None:
    assert isinstance(field, forms.ChoiceField)
    field.choices = list(roles)


class MemberForm(forms.Form):
    """A person to add, and as what."""

    username = forms.CharField(
        label=_("Username"),
        max_length=64,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    role = forms.ChoiceField(label=_("Role"), choices=[], initial=Role.SCIENTIST)
    until = forms.DateField(
        label=_("Until"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("The last day; without one the membership has no end."),
    )

    def __init__(self, roles: Roles, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self.fields["role"], roles)


class RoleForm(forms.Form):
    """Another role for a member."""

    role = forms.ChoiceField(label=_("Role"), choices=[])

    def __init__(self, roles: Roles, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self.fields["role"], roles)


class ProjectForm(forms.Form):
    """What of a project can be changed."""

    name = forms.CharField(label=_("Name"), max_length=120)
    description = forms.CharField(
        label=_("Description"), max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )


class AuditFilterForm(forms.Form):
    """Which records to show. Days are in UTC. Texts are suggested what the log holds (`suggested`)."""

    # What the form hides until it is asked for.
    RARER: ClassVar[frozenset[str]] = frozenset(
        {"account", "on_behalf_of", "target_type", "via", "ip", "since", "until"}
    )

    q = forms.CharField(
        label=_("Search"), max_length=120, required=False, widget=forms.TextInput(attrs={"type": "search"})
    )
    actor = forms.CharField(label=_("Who"), max_length=160, required=False)
    action = forms.CharField(label=_("Action"), max_length=64, required=False)
    target = forms.CharField(label=_("Target"), max_length=255, required=False)
    outcome = forms.ChoiceField(
        label=_("Outcome"), choices=[("", _("Any")), *Outcome.choices], required=False
    )
    period = forms.ChoiceField(
        label=_("Period"), choices=[("", _("Any time")), *PERIOD_CHOICES], required=False
    )
    on_behalf_of = forms.CharField(label=_("On whose behalf"), max_length=160, required=False)
    target_type = forms.CharField(label=_("Kind of thing"), max_length=64, required=False)
    via = forms.CharField(label=_("Via"), max_length=16, required=False)
    ip = forms.CharField(label=_("Address"), max_length=45, required=False)
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    person = forms.CharField(max_length=160, required=False, widget=forms.HiddenInput)
    thing = forms.CharField(max_length=320, required=False, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, suggested: Mapping[str, Sequence[str]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.suggested = suggested or {}
        for name, field in self.fields.items():
            chooses = isinstance(field.widget, forms.Select)
            field.widget.attrs["class"] = "form-select" if chooses else "form-control"
            if name in self.suggested:
                field.widget.attrs |= {"list": f"known-{name}", "autocomplete": "off"}

    @property
    def usual(self) -> list[forms.BoundField]:
        """The filters that are always in sight."""
        return [bound for bound in self.visible_fields() if bound.name not in self.RARER]

    @property
    def rarer(self) -> list[forms.BoundField]:
        """The others."""
        return [bound for bound in self.visible_fields() if bound.name in self.RARER]

    @property
    def rarer_in_use(self) -> bool:
        """Whether one of the others is filled in."""
        return any(bound.data or bound.errors for bound in self.rarer)


class AccountForm(forms.Form):
    """An account to open, and who owns its project: somebody there, or somebody new."""

    name = forms.CharField(label=_("Name of the account"), max_length=120)
    kind = forms.ChoiceField(
        label=_("Kind"),
        choices=Account.Kind.choices,
        initial=Account.Kind.GENERAL,
        help_text=_("A trusted account may lend what it has; a general account may borrow."),
        widget=forms.RadioSelect,
    )
    start = forms.ChoiceField(
        label=_("Credentials"),
        choices=Account.Start.choices,
        initial=Account.Start.NONE,
        required=False,
        help_text=_("Where a general account's credentials come from. The owner can change it later."),
        widget=forms.RadioSelect,
    )
    code = forms.CharField(
        label=_("Code of a trusted account"),
        max_length=100,
        required=False,
        help_text=_("An invitation or a code for requests: the link is asked for at once."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"}),
    )
    owner = forms.CharField(
        label=_("Username of the owner"),
        max_length=64,
        help_text=_("Somebody new is made with a one-time password."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )


class CloseForm(forms.Form):
    """Why an account is suspended, reopened or closed; closing is confirmed by typing the project's name."""

    reason = forms.CharField(
        label=_("Reason"),
        min_length=3,
        max_length=500,
        help_text=_("It is kept in the account's audit log."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    confirm = forms.CharField(
        label=_("The project's name, to confirm"),
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"}),
    )
