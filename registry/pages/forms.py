"""Forms of the registry's pages. The actions behind them check again; what they refuse comes back to the fields."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.errors import PortalError
from registry.models import TrainingSource
from registry.models.training import NAME
from registry.training.launch import Launch, Limits


def show_errors(form: forms.Form, error: PortalError, field: str = "") -> None:
    """Put an action's refusal beside the fields that it names, else (or beside `field`) on top."""
    named = error.data.get("errors") or {}
    placed = False
    for name, messages in named.items():
        target = str(name).replace(".", "__")
        if target in form.fields:
            form.add_error(target, [str(message) for message in messages])
            placed = True
    if not placed:
        form.add_error(field or None, str(error.detail))


class TrainingProjectForm(forms.Form):
    """A new training project."""

    name = forms.CharField(
        label=_("Name"),
        max_length=63,
        validators=[NAME],
        help_text=_("Lower-case letters, digits, dots and hyphens."),
    )
    description = forms.CharField(
        label=_("Description"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )


class GitSourceForm(forms.Form):
    """Where to fetch the next source from."""

    url = forms.CharField(
        label=_("Repository"),
        max_length=500,
        widget=forms.URLInput(attrs={"placeholder": "https://git.example.com/team/project.git"}),
    )
    ref = forms.CharField(
        label=_("Branch, tag or commit"),
        max_length=200,
        initial="main",
        help_text=_("It is pinned to a commit."),
    )
    subfolder = forms.CharField(label=_("Folder in the repository"), max_length=500, required=False)


class LaunchForm(forms.Form):
    """A launch of one source: a field for each parameter of the entry point, and for each path a choice of dataset."""

    entry_point = forms.ChoiceField(label=_("Entry point"))
    experiment = forms.CharField(label=_("Experiment"), max_length=200, required=False)
    register_as = forms.CharField(
        label=_("Register the model as"),
        max_length=63,
        required=False,
        validators=[NAME],
        help_text=_("Leave empty to register nothing."),
    )
    limits__cpus = forms.IntegerField(label=_("CPUs"), min_value=1, max_value=64)
    limits__memory = forms.IntegerField(label=_("Memory (GiB)"), min_value=1, max_value=256)
    limits__seconds = forms.IntegerField(
        label=_("Time limit (minutes)"), min_value=1, max_value=7 * 24 * 60, initial=240
    )

    def __init__(
        self, source: TrainingSource, entry_point: str, datasets: list[str], data: Any = None
    ) -> None:
        super().__init__(data)
        names = source.entry_names
        self.source = source
        self.chosen = entry_point if entry_point in names else ("main" if "main" in names else names[0])
        self.fields["entry_point"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]
        self.fields["entry_point"].initial = self.chosen
        standard = Limits.of()
        self.fields["limits__cpus"].initial = standard.cpus
        self.fields["limits__memory"].initial = standard.memory >> 30
        self.fields["limits__seconds"].initial = standard.seconds // 60
        self.fields["experiment"].widget.attrs["placeholder"] = source.project.name
        self.parameters: dict[str, dict[str, Any]] = source.parameters_of(self.chosen)
        for name, declared in self.parameters.items():
            self._add_parameter(name, declared, datasets)

    def _add_parameter(self, name: str, declared: dict[str, Any], datasets: list[str]) -> None:
        default = declared["default"]
        # Types are checked where the command is bound; the form only asks.
        self.fields[f"parameters__{name}"] = forms.CharField(
            label=name, required=default is None, initial=default, help_text=declared["type"], strip=False
        )
        if declared["type"] in ("path", "uri"):
            self.fields[f"parameters__{name}"].required = False
            choices = [("", _("— none —")), *((dataset, dataset) for dataset in datasets)]
            self.fields[f"inputs__{name}"] = forms.ChoiceField(
                label=_("Dataset for “%(name)s”") % {"name": name}, choices=choices, required=False
            )

    @property
    def parameter_fields(self) -> list[forms.BoundField]:
        """The fields of the entry point's parameters, data first."""
        inputs = [self[field] for field in self.fields if field.startswith("inputs__")]
        return inputs + [self[field] for field in self.fields if field.startswith("parameters__")]

    def _given(self, prefix: str, values: dict[str, Any]) -> dict[str, str]:
        return {
            name.removeprefix(prefix): str(value)
            for name, value in values.items()
            if name.startswith(prefix) and value
        }

    def asked(self) -> Launch:
        """What the person asks for."""
        values = self.cleaned_data
        inputs = self._given("inputs__", values)
        parameters = {n: v for n, v in self._given("parameters__", values).items() if n not in inputs}
        return Launch(
            entry_point=values["entry_point"],
            parameters=parameters,
            inputs=inputs,
            experiment=values["experiment"],
            register_as=values["register_as"],
            limits=Limits(
                cpus=values["limits__cpus"],
                memory=values["limits__memory"] << 30,
                seconds=values["limits__seconds"] * 60,
            ),
        )

    def as_request(self) -> dict[str, Any]:
        """The API's body for a launch with the defaults, for “copy as curl”."""
        defaults = {
            name: declared["default"]
            for name, declared in self.parameters.items()
            if declared["default"] is not None
        }
        return {"project": self.source.project.name, "entry_point": self.chosen, "parameters": defaults}
