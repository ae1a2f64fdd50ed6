"""Profiling a sealed version's tables, file by file, as an operation of the worker."""

import time
from typing import IO, cast

from django.db.models import Max, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.tenancy.models import TenantQuerySet
from projects.operations import Again, Done, Failed, Work
from projects.operations.registry import Cancelled
from registry.blobs import BlobReader
from registry.datasets.profile.formats import table_format
from registry.datasets.profile.problems import Unreadable, sentence
from registry.datasets.profile.report import Report
from registry.datasets.profile.stream import BlobFile
from registry.models import FileProfile

STEP_SECONDS = 10.0
BEAT_SECONDS = 5.0


def profile_version(work: Work) -> Done | Again:
    """Profile the files that still wait for it, for some seconds; a file once begun is read to its end."""
    until = time.monotonic() + STEP_SECONDS
    _begin(work)
    while time.monotonic() < until:
        if work.cancel_requested:
            raise Cancelled
        with work.scope():
            waiting = _of(work).filter(state=FileProfile.State.PENDING)
            profile = waiting.select_related("file__blob").order_by("file__path").first()
            if profile is None:
                return _summary(work)
            reader = BlobReader.open(profile.file.blob)
        _profile_file(work, profile, reader)
    return Again(0)


def _begin(work: Work) -> None:
    """At the first step, and that of a retry, take up again what an earlier operation could not read."""
    if work.payload.get("begun") != str(work.operation.pk):
        with work.scope():
            _of(work).filter(state=FileProfile.State.FAILED).update(
                state=FileProfile.State.PENDING, problem={}
            )
            work.save(begun=str(work.operation.pk))


def _of(work: Work) -> TenantQuerySet[FileProfile]:
    rows: TenantQuerySet[FileProfile] = FileProfile.objects.get_queryset()
    return rows.filter(file__version_id=work.payload["version"])


def _profile_file(work: Work, profile: FileProfile, reader: BlobReader) -> None:
    path = profile.file.path
    beat = time.monotonic()

    def on_read(position: int) -> None:
        nonlocal beat
        if time.monotonic() - beat > BEAT_SECONDS:
            beat = time.monotonic()
            work.stage(path[:120], position / max(1, reader.size))

    work.stage(path[:120], 0.0)
    try:
        with reader:
            report = _read(path, cast("IO[bytes]", BlobFile(reader, on_read)))
    except Unreadable as unreadable:
        profile.state, profile.problem = FileProfile.State.FAILED, unreadable.as_json()
        work.log(f"{path}: {sentence(profile.problem)}")
    else:
        profile.state, profile.problem = FileProfile.State.READY, {}
        profile.rows, profile.columns = report.rows, len(report.columns)
        profile.report = report.to_bytes()
    profile.finished_at = timezone.now()
    with work.scope():
        # Under the fence: a worker that lost its lease writes nothing.
        work.heartbeat()
        profile.save(update_fields=["state", "problem", "rows", "columns", "report", "finished_at"])


def _read(path: str, source: IO[bytes]) -> Report:
    # Arrow is the worker's alone: the web process registers this handler, and must stay light.
    from registry.datasets.profile.delimited import profile_delimited
    from registry.datasets.profile.parquet import profile_parquet

    form = table_format(path)
    if form is None:
        raise Unreadable("not_tabular")
    return profile_parquet(source) if form.kind == "parquet" else profile_delimited(source, form)


def _summary(work: Work) -> Done:
    failed = _of(work).filter(state=FileProfile.State.FAILED).select_related("file").order_by("file__path")
    first = failed.first()
    if first is not None:
        raise Failed(
            _("“%(path)s” has no profile: %(why)s The data itself is stored.")
            % {"path": first.file.path, "why": sentence(first.problem)}
        )
    totals = _of(work).aggregate(rows=Sum("rows"), columns=Max("columns"))
    return Done({"rows": totals["rows"], "columns": totals["columns"]})
