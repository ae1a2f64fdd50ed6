"""The filters of the audit room: those of a project's log, and the account."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from projects.audit_log import PLATFORM_ITSELF
from projects.forms import AuditFilterForm
from projects.views.audit_parts import PeriodForm


def _account_choices(accounts: list[Account]) -> list[tuple[str, Any]]:
    return [
        ("", _("Any")),
        (PLATFORM_ITSELF, _("The platform itself")),
        *((str(account.pk), account.name) for account in accounts),
    ]


def _offer(field: forms.Field, accounts: list[Account]) -> None:
    assert isinstance(field, forms.ChoiceField)
    field.choices = _account_choices(accounts)


class RoomFilterForm(AuditFilterForm):
    """The filters of a project's log, and the account."""

    account = forms.ChoiceField(label=_("Account"), required=False)

    field_order = ("q", "account")
    RARER = AuditFilterForm.RARER - {"account"}

    def __init__(self, accounts: list[Account], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self.fields["account"], accounts)


class RoomPeriodForm(PeriodForm):
    """Which part of a history to show, and in which account."""

    account = forms.ChoiceField(label=_("Account"), required=False)

    def __init__(self, accounts: list[Account], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self.fields["account"], accounts)


def room_form(filters: Mapping[str, str]) -> RoomFilterForm:
    """The room's form, filled with these filters; in an auditor's scope."""
    return RoomFilterForm(list(Account.objects.order_by("name")), dict(filters))
