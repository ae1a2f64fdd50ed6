"""The dataset pages. Each parses, calls an action, and shows; bytes go through `transfers`."""

import json
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.db.models import Q, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.errors import Conflict, Invalid, Unprocessable
from accounts.models import AuditEvent
from projects.doors import Grant
from projects.doors.pages import ProjectView
from projects.permissions import Permission
from projects.views.common import attempt, attempt_or_say, page_of
from registry.datasets import actions
from registry.datasets.addresses import dataset_api, file_api, upload_api, version_api
from registry.datasets.deletion.tombstone import deletion_of
from registry.datasets.find import find_dataset, find_upload, find_version
from registry.datasets.forms import DatasetForm, UploadForm
from registry.datasets.sensitivity import GUARDED, may_have, visible
from registry.datasets.summaries import find_table, tables_of, with_latest, with_shape
from registry.datasets.usage import snippets, upload_command
from registry.datasets.words import last_reads, with_words
from registry.models import Dataset, DatasetDeletion, DatasetFile, DatasetUpload, DatasetVersion

FILES_SHOWN = 100
VERSIONS_SHOWN = 30
READS_SHOWN = 8
READS_SEARCHED = 200
READS = ("dataset.download", "dataset.preview", "dataset.read")


def dataset_url(slug: str, name: str, number: int | None = None) -> str:
    """Return the page of a dataset, at one of its versions if told."""
    url = reverse("registry:dataset", args=[slug, name])
    return f"{url}?version={number}" if number else url


def version_url(slug: str, version: DatasetVersion) -> str:
    """Return the page on which an open version is filled."""
    return reverse("registry:dataset_version", args=[slug, version.dataset.name, version.number])


class DatasetList(ProjectView):
    """All datasets of the project, each with its newest version."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.DATASET_READ}

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        rows, search = (
            visible(grant, Dataset.objects.filter(deleted_at=None)),
            request.GET.get("search", "")[:100].replace("\x00", ""),
        )
        if search:
            rows = rows.filter(Q(name__icontains=search) | Q(description__icontains=search))
        context = page_of(request, rows)
        context["rows"] = with_latest(context["rows"])
        context |= {
            "search": search,
            "deletions": DatasetDeletion.objects.exists(),
            "api_url": dataset_api(grant.slug),
            "first_command": upload_command(f"{dataset_api(grant.slug)}/wafers"),
        }
        return self.page(request, "registry/datasets/list.html", context)


class DatasetNew(ProjectView):
    """Makes a dataset and opens its first version, to upload into next."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.DATASET_WRITE, "post": Permission.DATASET_WRITE}

    def _shown(self, request: HttpRequest, form: DatasetForm, status: int = 200) -> HttpResponse:
        context = {
            "form": form,
            "api_url": dataset_api(self.grant.slug),
            "curl_body": {
                "name": form["name"].value() or "wafers",
                "description": form["description"].value() or "",
            },
        }
        return self.page(request, "registry/datasets/new.html", context, status)

    def get(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        return self._shown(request, DatasetForm())

    def post(self, request: HttpRequest, grant: Grant) -> HttpResponse:
        form = DatasetForm(request.POST)
        if form.is_valid():
            dataset = attempt(form, lambda: actions.create_dataset(grant, **form.cleaned_data))
            if dataset is not None:
                version = actions.open_version(grant, dataset)
                return HttpResponseRedirect(version_url(grant.slug, version))
        return self._shown(request, form, 400)


class DatasetPage(ProjectView):
    """A dataset at one of its versions: files, columns, how to read it, and who did."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.DATASET_READ}

    def get(self, request: HttpRequest, grant: Grant, name: str) -> HttpResponse:
        dataset = find_dataset(grant, name, deleted=True)
        newest = DatasetVersion.objects.filter(dataset=dataset).select_related("dataset").order_by("-number")
        versions = with_shape(newest[:VERSIONS_SHOWN])
        asked = request.GET.get("version", "")
        version = self._version(grant, versions, name, asked)
        context: dict[str, Any] = {
            "dataset": dataset,
            "versions": versions,
            "version": version,
            "api_url": dataset_api(grant.slug, name),
            "first_command": upload_command(dataset_api(grant.slug, name)),
            "reads": self._reads(versions, grant),
        }
        if version is not None and version.is_gone:
            context |= {"deletion": deletion_of(version), "allowed": True}
        elif version is not None:
            context |= self._content(request, grant, version)
        return self.page(request, "registry/datasets/dataset.html", context)

    def _version(
        self, grant: Grant, versions: list[DatasetVersion], name: str, asked: str
    ) -> DatasetVersion | None:
        """The version asked for, else the newest sealed one, else nothing."""
        if asked.isdecimal():
            number = int(asked)
            found = next((each for each in versions if each.number == number), None)
            return found or with_shape([find_version(grant, name, number, deleted=True)])[0]
        sealed = [each for each in versions if not each.is_open]
        return next((each for each in sealed if not each.is_gone), sealed[0] if sealed else None)

    def _content(self, request: HttpRequest, grant: Grant, version: DatasetVersion) -> dict[str, Any]:
        files = list(DatasetFile.objects.filter(version=version).order_by("path")[:FILES_SHOWN])
        for file in files:
            file.version = version
        allowed = may_have(grant, version.dataset)
        tables = [] if version.is_open or not allowed else list(tables_of(version))
        wanted = request.GET.get("path", "")
        table = find_table(version, wanted if wanted in tables else "") if tables else None
        read = table.file if table is not None else files[0] if files else None
        return {
            "allowed": allowed,
            "asks_reason": version.dataset.sensitivity in GUARDED,
            "files": [{"file": file, "url": file_api(grant.slug, file)} for file in files],
            "files_more": max(0, version.file_count - len(files)),
            "tables": tables,
            "table": table,
            "columns": with_words(table.columns(), table.report.rows) if table and table.report else [],
            "snippets": snippets(read.path, file_api(grant.slug, read))
            if read is not None and allowed
            else [],
            "read_path": read.path if read is not None else "",
            "files_api": f"{version_api(grant.slug, version)}/files",
        }

    def _reads(self, versions: list[DatasetVersion], grant: Grant) -> list[AuditEvent] | None:
        """Who has read the dataset's data last, for those who may read the audit log."""
        if not grant.can(Permission.AUDIT_READ):
            return None
        about = AuditEvent.objects.filter(
            target_type="datasetversion",
            target_id__in=[str(version.pk) for version in versions],
            action__in=READS,
            outcome="ok",
        )
        return last_reads(list(about.order_by("-at", "-id")[:READS_SEARCHED]), READS_SHOWN)


class VersionOpen(ProjectView):
    """Opens the next version, to upload into."""

    actions: ClassVar[dict[str, str]] = {"post": Permission.DATASET_WRITE}

    def post(self, request: HttpRequest, grant: Grant, name: str) -> HttpResponse:
        version = actions.open_version(grant, find_dataset(grant, name))
        return HttpResponseRedirect(version_url(grant.slug, version))


class VersionPage(ProjectView):
    """An open version while it is filled: drop files, see what is there, then seal or drop it."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.DATASET_WRITE, "post": Permission.DATASET_WRITE}

    def get(self, request: HttpRequest, grant: Grant, name: str, number: int) -> HttpResponse:
        version = find_version(grant, name, number, deleted=True)
        if not version.is_open:
            return HttpResponseRedirect(dataset_url(grant.slug, name, number))
        files = DatasetFile.objects.filter(version=version).order_by("path")
        context = {
            "dataset": version.dataset,
            "version": version,
            "files": list(files[:FILES_SHOWN]),
            "file_count": files.count(),
            "size": files.aggregate(size=Sum("size"))["size"] or 0,
            "uploads": list(
                DatasetUpload.objects.filter(version=version).order_by("created_at")[:FILES_SHOWN]
            ),
            "here": request.path,
            "create_url": reverse("registry:dataset_upload_new", args=[grant.slug, name, number]),
            "uploads_api": f"{version_api(grant.slug, version)}/uploads",
            "upload_body": {"path": "wafers.csv", "size": 1_000_000},
            "seal_api": f"{version_api(grant.slug, version)}/seal",
        }
        return self.page(request, "registry/datasets/version.html", context)

    def post(self, request: HttpRequest, grant: Grant, name: str, number: int) -> HttpResponse:
        version = find_version(grant, name, number, lock=True)
        permission = Permission.DATASET_WRITE
        if request.POST.get("do") == "drop":
            attempt_or_say(request, permission, lambda: actions.delete_open_version(grant, version))
            messages.success(request, _("Version %(number)d was dropped.") % {"number": number})
            return HttpResponseRedirect(dataset_url(grant.slug, name))
        sealed = attempt_or_say(request, permission, lambda: actions.seal_version(grant, version))
        if sealed is None:
            return HttpResponseRedirect(version_url(grant.slug, version))
        if sealed.identical:
            messages.info(
                request,
                _("Version %(number)d has this very content already: nothing new was stored.")
                % {"number": sealed.version.number},
            )
        return HttpResponseRedirect(dataset_url(grant.slug, name, sealed.version.number))


class UploadNew(ProjectView):
    """Begins an upload for the page's uploader, which goes on with the API: see docs/design-system.md."""

    actions: ClassVar[dict[str, str]] = {"post": Permission.DATASET_WRITE}

    def post(self, request: HttpRequest, grant: Grant, name: str, number: int) -> HttpResponse:
        form = UploadForm(_json(request))
        if not form.is_valid():
            errors = {field: [str(text) for text in texts] for field, texts in form.errors.items()}
            raise Invalid("dataset.upload", _("This is not a file that can be uploaded."), errors=errors)
        version = find_version(grant, name, number, lock=True)
        upload, _made = actions.begin_upload(
            grant, version, form.cleaned_data["filename"], size=form.cleaned_data["size"]
        )
        return JsonResponse({"url": upload_api(grant.slug, upload), "offset": 0}, status=201)


class UploadDrop(ProjectView):
    """Drops an unfinished upload of an open version."""

    actions: ClassVar[dict[str, str]] = {"post": Permission.DATASET_WRITE}

    def post(self, request: HttpRequest, grant: Grant, name: str, number: int, pk: UUID) -> HttpResponse:
        version = find_version(grant, name, number, lock=True)
        actions.cancel_upload(grant, find_upload(version, str(pk), lock=True))
        return HttpResponseRedirect(version_url(grant.slug, version))


class PreviewPage(ProjectView):
    """The first rows of a table and its columns' extremes: data, so each look is on record."""

    actions: ClassVar[dict[str, str]] = {"get": Permission.DATASET_PREVIEW}

    def get(self, request: HttpRequest, grant: Grant, name: str, number: int) -> HttpResponse:
        version = find_version(grant, name, number)
        path = request.GET.get("path", "")
        context: dict[str, Any] = {"dataset": version.dataset, "version": version, "path": path}
        try:
            preview = actions.preview_table(grant, version, path)
            columns = with_words(preview["columns"], preview["rows"])
            # Each cell beside its column: numbers line up on the right.
            lines = [list(zip(row, columns, strict=True)) for row in preview["sample"]]
            context["preview"] = {**preview, "columns": columns, "lines": lines}
        except (Conflict, Unprocessable) as error:
            context["refusal"] = str(error.detail)
        if not request.headers.get("HX-Request"):
            context["tables"] = list(tables_of(version))
            context["preview_api"] = f"{version_api(grant.slug, version)}/preview"
            return self.page(request, "registry/datasets/preview.html", context)
        return self.page(request, "registry/datasets/partials/preview.html", context)


def _json(request: HttpRequest) -> dict[str, Any]:
    try:
        body = json.loads(request.body or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Invalid("request.json", _("The body is not a JSON object."))
    return body
