"""The training API: projects and their sources, jobs."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from projects.doors.api import ProjectViewSet
from projects.doors.schema import IDEMPOTENCY_PARAMETER
from projects.doors.strict import PageQuery, QuerySerializer, idempotency_key
from registry.logs import LogQuery, LogSerializer
from registry.models import TrainingJob, TrainingProject, TrainingSource
from registry.training import launch as launching
from registry.training import log as job_log
from registry.training.git import request_fetch
from registry.training.newest import with_newest
from registry.training.serializers import (
    FetchSerializer,
    GitSourceSerializer,
    JobSerializer,
    LaunchSerializer,
    SourceSerializer,
    TrainingProjectSerializer,
)


class TrainingProjectViewSet(ProjectViewSet):
    """Training projects: code that trains, kept in numbered sources."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "training.read",
        "create": "training.write",
        "retrieve": "training.read",
        "sources": "training.read",
        "add_git_source": "training.write",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]]] = {"list": PageQuery, "sources": PageQuery}
    queryset = TrainingProject.objects.none()
    serializer_class = TrainingProjectSerializer
    lookup_field = "name"
    lookup_value_regex = "[a-z0-9][a-z0-9._-]{0,62}"

    def list(self, request: Request) -> Response:
        """List the training projects."""
        page = self.paginate_queryset(TrainingProject.objects.all())
        return self.get_paginated_response(
            TrainingProjectSerializer(with_newest(list(page or [])), many=True).data
        )

    @extend_schema(responses={201: TrainingProjectSerializer})
    def create(self, request: Request) -> Response:
        """Make an empty training project; give it a source next."""
        project = launching.create_project(self.grant, **self.body(TrainingProjectSerializer))
        return Response(TrainingProjectSerializer(project).data, status=201)

    def retrieve(self, request: Request, name: str) -> Response:
        """Describe a training project and its newest source."""
        return Response(TrainingProjectSerializer(with_newest([launching.find_project(name)])[0]).data)

    @extend_schema(responses=SourceSerializer(many=True))
    def sources(self, request: Request, name: str) -> Response:
        """List a project's sources, the newest first."""
        project = launching.find_project(name)
        rows = TrainingSource.objects.filter(project=project).select_related("content", "project")
        return self.listed(rows, SourceSerializer)

    @extend_schema(
        request=GitSourceSerializer, parameters=[IDEMPOTENCY_PARAMETER], responses={202: FetchSerializer}
    )
    def add_git_source(self, request: Request, name: str) -> Response:
        """Fetch a commit of a git repository as the next source; answers with the operation that does it."""
        given = self.body(GitSourceSerializer)
        project = launching.find_project(name)
        operation = request_fetch(self.grant, project, idempotency_key=idempotency_key(request), **given)
        return Response({"operation": str(operation.pk), "state": operation.state}, status=202)


class TrainingJobViewSet(ProjectViewSet):
    """Training jobs: launches, their state, their log."""

    permissions: ClassVar[dict[str, str]] = {
        "list": "training.read",
        "create": "training.launch",
        "retrieve": "training.read",
        "log": "training.read",
        "cancel": "training.launch",
        "retry": "training.launch",
    }
    queries: ClassVar[dict[str, type[QuerySerializer]]] = {"list": PageQuery, "log": LogQuery}
    queryset = TrainingJob.objects.none()
    serializer_class = JobSerializer
    lookup_field = "number"
    lookup_value_regex = "[0-9]{1,9}"

    def list(self, request: Request) -> Response:
        """List the jobs, the newest first."""
        rows = TrainingJob.objects.select_related("source__project", "operation")
        return self.listed(rows, JobSerializer)

    @extend_schema(
        request=LaunchSerializer, parameters=[IDEMPOTENCY_PARAMETER], responses={202: JobSerializer}
    )
    def create(self, request: Request) -> Response:
        """Launch a training project: 202 with the job, whose `operation` streams its progress."""
        given = self.body(LaunchSerializer)
        project = launching.find_project(given.pop("project"))
        limits = launching.Limits.of(**given.pop("limits", {}))
        job = launching.launch(
            self.grant,
            project,
            launching.Launch(limits=limits, **given),
            idempotency_key=idempotency_key(request),
        )
        return Response(JobSerializer(job).data, status=202)

    def retrieve(self, request: Request, number: int) -> Response:
        """Describe a job."""
        return Response(JobSerializer(launching.find_job(number)).data)

    @extend_schema(responses=LogSerializer)
    def log(self, request: Request, number: int) -> Response:
        """Return a job's log from byte `offset` on."""
        job = launching.find_job(number)
        text, following = job_log.read(job, self.query["offset"])
        return Response({"text": text, "next": following, "ended": job.operation.finished})

    @extend_schema(request=None, responses={202: JobSerializer})
    def cancel(self, request: Request, number: int) -> Response:
        """Ask a job to stop."""
        job = launching.find_job(number)
        job.operation = launching.cancel(self.grant, job)
        return Response(JobSerializer(job).data, status=202)

    @extend_schema(request=None, responses={202: JobSerializer})
    def retry(self, request: Request, number: int) -> Response:
        """Launch the same again, as a new job."""
        return Response(
            JobSerializer(launching.retry(self.grant, launching.find_job(number))).data, status=202
        )
