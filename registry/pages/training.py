"""Pages of training: projects with their sources, launching, jobs."""

from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.errors import Conflict, Invalid, NotFound, Unprocessable
from projects.doors import Grant
from projects.doors.pages import ProjectView
from projects.permissions import Permission
from projects.views.common import attempt_or_say
from registry.datasets.sensitivity import visible
from registry.models import Dataset, TrainingJob, TrainingProject, TrainingSource
from registry.pages.forms import GitSourceForm, LaunchForm, TrainingProjectForm, show_errors
from registry.pages.paging import page_of
from registry.training import launch as launching
from registry.training.git import request_fetch
from registry.training.newest import newest_of, with_newest

# The stages of `registry.training.run`, in order, with what a person reads.
STAGES = (
    ("Preparing the run", gettext_lazy("Run")),
    ("Waiting for the machine", gettext_lazy("Machine")),
    ("Preparing files and environment", gettext_lazy("Environment")),
    ("Training", gettext_lazy("Training")),
    ("Registering the model", gettext_lazy("Model")),
)
_SAME = {"Starting": "Training", "Closing the run": "Registering the model", "Stopping": "Training"}


def stage_of(job: TrainingJob) -> str:
    """Where a job stands on the stage bar."""
    found: str = _SAME.get(job.operation.stage, job.operation.stage)
    return found


def job_url(grant: Grant, job: TrainingJob) -> str:
    """A job's page."""
    return str(reverse("registry:training_job", args=[grant.slug, job.number]))


def api_url(grant: Grant, path: str) -> str:
    """An address of the project's API."""
    return f"/api/v1/projects/{grant.slug}/{path}"


class TrainingList(ProjectView):
    """Jobs, and the projects to launch them from."""

    actions: ClassVar[dict[str, str]] = {"get": "training.read"}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        rows = TrainingJob.objects.select_related("source__project", "operation").order_by("-number")
        jobs, pages = page_of(request, rows)
        projects = with_newest(list(TrainingProject.objects.order_by("name")[:50]))
        context = {
            "jobs": jobs,
            "pages": pages,
            "projects": projects,
            "api": api_url(grant, "training-jobs"),
            "stages": STAGES,
        }
        for job in jobs:
            job.stage_key = stage_of(job)
        template = (
            "registry/partials/jobs.html" if request.headers.get("HX-Request") else "registry/training.html"
        )
        return self.page(request, template, context)


class TrainingProjectNew(ProjectView):
    """Make a training project."""

    actions: ClassVar[dict[str, str]] = {"get": "training.write", "post": "training.write"}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        return self.form(request, grant, TrainingProjectForm())

    def form(
        self, request: HttpRequest, grant: Grant, form: TrainingProjectForm, status: int = 200
    ) -> HttpResponse:
        """Show the form."""
        context = {"form": form, "api": api_url(grant, "training-projects")}
        return self.page(request, "registry/training_project_new.html", context, status)

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        form = TrainingProjectForm(request.POST)
        if form.is_valid():
            try:
                project = launching.create_project(grant, **form.cleaned_data)
            except (Conflict, Invalid) as error:
                show_errors(form, error, field="name")
            else:
                return HttpResponseRedirect(
                    reverse("registry:training_project", args=[grant.slug, project.name])
                )
        return self.form(request, grant, form, 422)


class TrainingProjectPage(ProjectView):
    """A training project: its sources, and where the next one comes from."""

    actions: ClassVar[dict[str, str]] = {"get": "training.read", "post": "training.write"}

    def get(self, request: HttpRequest, grant: Grant, name: str) -> HttpResponse:
        return self.show(request, grant, launching.find_project(name), GitSourceForm())

    def show(
        self,
        request: HttpRequest,
        grant: Grant,
        project: TrainingProject,
        form: GitSourceForm,
        status: int = 200,
    ) -> HttpResponse:
        """Show the project."""
        sources = (
            TrainingSource.objects.filter(project=project)
            .select_related("content", "project")
            .order_by("-number")
        )
        context = {
            "training_project": project,
            "sources": list(sources[:50]),
            "form": form,
            "archive_url": api_url(grant, f"training-projects/{project.name}/archive"),
            "api": api_url(grant, f"training-projects/{project.name}"),
        }
        return self.page(request, "registry/training_project.html", context, status)

    def post(self, request: HttpRequest, grant: Grant, name: str) -> HttpResponse:
        project = launching.find_project(name)
        form = GitSourceForm(request.POST)
        if not form.is_valid():
            return self.show(request, grant, project, form, 422)
        operation = request_fetch(grant, project, **form.cleaned_data)
        return HttpResponseRedirect(reverse("project:operation", args=[grant.slug, operation.pk]))


class TrainingNew(ProjectView):
    """Launch: choose a project, an entry point, its parameters and its data."""

    actions: ClassVar[dict[str, str]] = {"get": "training.launch", "post": "training.launch"}
    launchable: list[TrainingProject]

    def chosen(self, request: HttpRequest) -> TrainingProject | None:
        """The project that is asked for, else the first that can be launched; all that can are in `launchable`."""
        found = with_newest(list(TrainingProject.objects.order_by("name")[:200]))
        self.launchable = [project for project in found if newest_of(project) is not None]
        wanted = request.POST.get("project") or request.GET.get("project", "")
        first = self.launchable[0] if self.launchable else None
        return next((project for project in self.launchable if project.name == wanted), first)

    def launch_form(self, request: HttpRequest, project: TrainingProject, data: Any = None) -> LaunchForm:
        """The form of a project's newest source and chosen entry point."""
        source = newest_of(project)
        assert source is not None
        datasets = list(
            visible(self.grant, Dataset.objects.filter(deleted_at=None).order_by("name")).values_list(
                "name", flat=True
            )[:500]
        )
        return LaunchForm(source, (data or request.GET).get("entry_point", ""), datasets, data)

    def show(
        self, request: HttpRequest, grant: Grant, form: LaunchForm | None, status: int = 200
    ) -> HttpResponse:
        """Show the launch form, or what to do before there is anything to launch."""
        context = {
            "projects": self.launchable,
            "training_project": form.source.project if form else None,
            "form": form,
            "api": api_url(grant, "training-jobs"),
            "example": form.as_request() if form else {},
        }
        return self.page(request, "registry/training_new.html", context, status)

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        project = self.chosen(request)
        return self.show(request, grant, self.launch_form(request, project) if project else None)

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        project = self.chosen(request)
        if project is None:
            raise NotFound("training.no_project", _("Make a training project with a source first."))
        form = self.launch_form(request, project, request.POST)
        if form.is_valid():
            try:
                job = launching.launch(grant, project, form.asked())
            except (Invalid, Unprocessable, Conflict) as error:
                show_errors(form, error)
            else:
                return HttpResponseRedirect(job_url(grant, job))
        return self.show(request, grant, form, 422)


class TrainingJobPage(ProjectView):
    """A job: stage, log, result; cancel and retry."""

    actions: ClassVar[dict[str, str]] = {"get": "training.read", "post": "training.launch"}

    def get(self, request: HttpRequest, grant: Grant, number: int) -> HttpResponse:
        job = launching.find_job(number)
        fragment = request.headers.get("HX-Request")
        context = {
            "job": job,
            "operation": job.operation,
            "stages": STAGES,
            "stage_key": stage_of(job),
            "events": api_url(grant, f"training-jobs/{number}/events"),
            "log_url": api_url(grant, f"training-jobs/{number}/log"),
            "api": api_url(grant, f"training-jobs/{number}"),
        }
        return self.page(
            request,
            "registry/partials/job_status.html" if fragment else "registry/training_job.html",
            context,
        )

    def post(self, request: HttpRequest, grant: Grant, number: int) -> HttpResponse:
        job = launching.find_job(number)
        permission = Permission.TRAINING_LAUNCH
        if request.POST.get("do") == "retry":
            job = attempt_or_say(request, permission, lambda: launching.retry(grant, job)) or job
        elif attempt_or_say(request, permission, lambda: launching.cancel(grant, job)):
            messages.info(request, _("Asked job #%(number)d to stop.") % {"number": number})
        return HttpResponseRedirect(job_url(grant, job))
