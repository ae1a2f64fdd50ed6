"""Forms of links: what is lent, a code that asks for it, a reason."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.links import LONGEST_DAYS, STORAGE_READ, STORAGE_WRITE, WORKLOAD_RUN, Terms
from accounts.models import Credential

MAY = [
    (STORAGE_READ, _("read its folder of the storage")),
    (STORAGE_WRITE, _("write its folder of the storage")),
    (WORKLOAD_RUN, _("run workloads in its namespace")),
]


class TermsForm(forms.Form):
    """What a trusted account lends."""

    note = forms.CharField(
        label=_("Terms, in words"),
        max_length=500,
        required=False,
        help_text=_("What is lent and on which conditions. Both accounts see it."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    credentials = forms.MultipleChoiceField(
        label=_("Credentials that leases may be taken of"),
        required=False,
        help_text=_("The borrower sees their names, never what they hold."),
        widget=forms.CheckboxSelectMultiple,
    )
    permissions = forms.MultipleChoiceField(
        label=_("The borrower may"), choices=MAY, required=False, widget=forms.CheckboxSelectMultiple
    )
    namespace = forms.CharField(
        label=_("Namespace"),
        max_length=63,
        initial="*",
        help_text=_("A name, or a pattern such as “fab-*”: the star stands for the borrower."),
        widget=forms.TextInput(attrs={"class": "mono", "autocomplete": "off", "spellcheck": "false"}),
    )
    cpu = forms.FloatField(label=_("CPU cores"), min_value=0.01, max_value=100_000, required=False)
    memory_gib = forms.IntegerField(
        label=_("Memory (GiB)"), min_value=1, max_value=10_000_000, required=False
    )
    gpu = forms.IntegerField(label=_("GPUs"), min_value=0, max_value=100_000, required=False)
    days = forms.IntegerField(
        label=_("Ends after (days)"),
        min_value=1,
        max_value=LONGEST_DAYS,
        initial=365,
        help_text=_("Counted from the approval."),
    )

    def __init__(self, *args: Any, terms: Terms | None = None, **kwargs: Any) -> None:
        if terms is not None:
            kwargs["initial"] = {
                **terms.model_dump(exclude={"quota", "credentials"}),
                **terms.quota.model_dump(),
                "credentials": [one.id for one in terms.credentials],
            }
        super().__init__(*args, **kwargs)
        field = self.fields["credentials"]
        assert isinstance(field, forms.MultipleChoiceField)
        rows = Credential.objects.order_by("name").values_list("pk", "name", "kind")
        field.choices = [(str(pk), f"{name} ({Credential.Kind(kind).label})") for pk, name, kind in rows]

    @property
    def given(self) -> dict[str, Any]:
        """The terms as the action takes them."""
        values = self.cleaned_data
        quota = {name: values[name] for name in ("cpu", "memory_gib", "gpu") if values[name] is not None}
        kept = {name: values[name] for name in ("note", "namespace", "permissions", "credentials", "days")}
        return {**kept, "quota": quota}


class ApproveForm(TermsForm):
    """What a trusted account lends to who has asked; who asked themselves, and decides alone, says why."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        required=False,
        help_text=_("You asked for this yourself."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class CodeForm(forms.Form):
    """The code of an offer, or the one by which a trusted account takes requests."""

    code = forms.CharField(
        label=_("Code from the lending account"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"}),
    )
    note = forms.CharField(
        label=_("What you ask for"),
        max_length=500,
        required=False,
        help_text=_("Only for a code for requests: the lender reads it and sets the terms."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
