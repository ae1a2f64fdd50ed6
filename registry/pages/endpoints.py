"""Pages of endpoints: state, revisions, deploying, trying it out."""

import json
from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import audit
from accounts.errors import Conflict, Invalid, PortalError
from projects.doors import Grant
from projects.doors.pages import ProjectView
from projects.models import Operation
from projects.permissions import Permission
from projects.views.common import attempt_or_say
from registry.endpoints import actions
from registry.endpoints.state import state_of, states_of
from registry.mlflow.client import Mlflow
from registry.models import Endpoint, Revision
from registry.models.training import NAME
from registry.pages.forms import show_errors
from registry.tracking.actions import read_json, version_target

STAGES = (
    ("Reading the model's requirements", gettext_lazy("Requirements")),
    ("Waiting for the machine", gettext_lazy("Machine")),
    ("Preparing files and environment", gettext_lazy("Environment")),
    ("Loading the model", gettext_lazy("Loading")),
)


class EndpointForm(forms.Form):
    """A new endpoint."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=63, validators=[NAME])
    description = forms.CharField(
        label=gettext_lazy("Description"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class DeployForm(forms.Form):
    """Which model version to deploy."""

    model = forms.ChoiceField(label=gettext_lazy("Model version"))

    def __init__(self, choices: list[tuple[str, str]], data: Any = None) -> None:
        super().__init__(data)
        self.fields["model"].choices = choices  # type: ignore[attr-defined]


def model_choices(grant: Grant) -> list[tuple[str, str]]:
    """The versions that can be deployed, newest first, with their aliases."""
    found = Mlflow(grant.account_id).search_versions(limit=100).items
    return [
        (
            f"{v.name}/{v.version}",
            f"{v.name} v{v.version}" + (f" ({', '.join(v.aliases)})" if v.aliases else ""),
        )
        for v in found
    ]


class EndpointList(ProjectView):
    """Endpoints and how they are."""

    actions: ClassVar[dict[str, str]] = {"get": "endpoint.read", "post": "endpoint.manage"}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        return self.show(request, grant, EndpointForm())

    def show(self, request: HttpRequest, grant: Grant, form: EndpointForm, status: int = 200) -> HttpResponse:
        """Show the list and the form."""
        endpoints = list(Endpoint.objects.select_related("active").order_by("name")[:200])
        states = states_of(endpoints)
        context = {
            "rows": [{"endpoint": endpoint, "state": states[endpoint.name]} for endpoint in endpoints],
            "form": form,
            "api": f"/api/v1/projects/{grant.slug}/endpoints",
        }
        return self.page(request, "registry/endpoints.html", context, status)

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        form = EndpointForm(request.POST)
        if form.is_valid():
            try:
                endpoint = actions.create_endpoint(grant, **form.cleaned_data)
            except (Conflict, Invalid) as error:
                show_errors(form, error, field="name")
            else:
                return HttpResponseRedirect(reverse("registry:endpoint", args=[grant.slug, endpoint.name]))
        return self.show(request, grant, form, 422)


class EndpointPage(ProjectView):
    """An endpoint: what answers, what is being deployed, and a form to try it."""

    actions: ClassVar[dict[str, str]] = {"get": "endpoint.read", "post": "endpoint.manage"}

    def get(self, request: HttpRequest, grant: Grant, name: str) -> HttpResponse:
        endpoint = actions.find_endpoint(name)
        revisions = list(
            Revision.objects.filter(endpoint=endpoint).select_related("endpoint").order_by("-number")[:20]
        )
        pending = next((r for r in revisions if r.state == Revision.State.PENDING), None)
        operation = Operation.objects.filter(pk=pending.operation_id).first() if pending else None
        api = f"/api/v1/projects/{grant.slug}/endpoints/{name}"
        context: dict[str, Any] = {
            "endpoint": endpoint,
            "state": state_of(endpoint),
            "revisions": revisions,
            "pending": pending,
            "operation": operation,
            "stages": STAGES,
            "api": api,
        }
        if request.headers.get("HX-Request"):
            return self.page(request, "registry/partials/endpoint_status.html", context)
        if grant.can("endpoint.manage"):
            context["form"] = DeployForm(model_choices(grant))
        if grant.can("endpoint.invoke") and endpoint.active is not None:
            context["example"] = example_of(grant, endpoint.active)
            context["invocations"] = f"{api}/invocations"
        return self.page(request, "registry/endpoint.html", context)

    def post(self, request: HttpRequest, grant: Grant, name: str) -> HttpResponse:
        endpoint = actions.find_endpoint(name)
        here = reverse("registry:endpoint", args=[grant.slug, name])
        do = request.POST.get("do")

        def act() -> bool:
            match do:
                case "stop":
                    actions.stop(grant, endpoint)
                case "start":
                    actions.start(grant, endpoint)
                case "delete":
                    actions.remove(grant, endpoint)
                case _:
                    self.deploy(grant, endpoint, request.POST.get("model", ""))
            return True

        if attempt_or_say(request, Permission.ENDPOINT_MANAGE, act) and do == "delete":
            here = reverse("registry:endpoints", args=[grant.slug])
        return HttpResponseRedirect(here)

    @staticmethod
    def deploy(grant: Grant, endpoint: Endpoint, chosen: str) -> None:
        """Deploy `model/version`."""
        model, _slash, number = chosen.rpartition("/")
        if not model or not number.isdecimal():
            raise Invalid("endpoint.model_version", _("Choose a model version."))
        actions.deploy(grant, endpoint, actions.resolve_model(grant, model, int(number), ""))


def example_of(grant: Grant, revision: Revision) -> str:
    """The model's input example as the body of a request, for the try-it form; empty where it has none."""
    mlflow = Mlflow(grant.account_id)
    try:
        version = mlflow.version(revision.model_name, revision.model_version)
        found = read_json(mlflow, mlflow.root_of(version), "serving_input_example.json", limit=64 << 10)
    except PortalError as error:
        if error.status >= 500:
            raise
        return ""
    # Rows of data: on record before they leave, as through the API.
    audit.record("model.example", version_target(revision.model_name, revision.model_version))
    return json.dumps(found, ensure_ascii=False)
