"""What lists and pages say about many datasets or versions, in a fixed number of queries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Max, Sum
from django.utils.translation import gettext as _

from accounts.errors import Conflict, NotFound, Unprocessable
from registry.datasets.names import printable
from registry.datasets.profile.problems import sentence
from registry.datasets.profile.report import Report
from registry.models import Dataset, DatasetFile, DatasetVersion, FileProfile


def with_latest(datasets: Iterable[Dataset]) -> list[Dataset]:
    """Attach to each dataset its newest sealed version as `latest` (or None), and `version_count`."""
    rows = list(datasets)
    sealed = DatasetVersion.objects.filter(dataset__in=rows, state=DatasetVersion.State.READY)
    newest = sealed.order_by("dataset_id", "-number").distinct("dataset_id").select_related("dataset")
    found = {version.dataset_id: version for version in with_shape(newest)}
    counts = dict(sealed.values_list("dataset_id").annotate(Count("pk")).order_by())
    for dataset in rows:
        dataset.latest = found.get(dataset.pk)  # type: ignore[attr-defined]
        dataset.version_count = counts.get(dataset.pk, 0)  # type: ignore[attr-defined]
    return rows


def with_shape(versions: Iterable[DatasetVersion]) -> list[DatasetVersion]:
    """Attach to each version `rows` and `columns` of its profiled tables, or None. One query."""
    rows = list(versions)
    ready = FileProfile.objects.filter(file__version__in=rows, state=FileProfile.State.READY)
    shapes = {
        version: (total, widest)
        for version, total, widest in ready.values_list("file__version_id")
        .annotate(Sum("rows"), Max("columns"))
        .order_by()
    }
    for version in rows:
        version.rows, version.columns = shapes.get(version.pk, (None, None))  # type: ignore[attr-defined]
    return rows


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a version with its profile; `report` is there once the profile is ready."""

    file: DatasetFile
    state: str
    problem: str
    report: Report | None

    def columns(self) -> list[dict[str, Any]]:
        """The columns' names, types and missing values: what may be seen without `dataset.preview`."""
        kept = ("name", "type", "missing")
        return [{key: column[key] for key in kept} for column in self.report.columns] if self.report else []


def tables_of(version: DatasetVersion) -> Sequence[str]:
    """Return the paths of a version's tables, in order."""
    profiles = FileProfile.objects.filter(file__version=version).order_by("file__path")
    return list(profiles.values_list("file__path", flat=True))


def find_table(version: DatasetVersion, path: str = "") -> Table:
    """Return one table of a version, the first unless `path` names another.

    Raises `NotFound` for no such file, `Unprocessable` for one that is not a table, `Conflict` before
    sealing.
    """
    if version.is_open:
        raise Conflict(
            "dataset.version_open",
            _("%(version)s is still open. Seal it; its tables are profiled then.")
            % {"version": version.label},
        )
    profiles = FileProfile.objects.select_related("file").filter(file__version=version).order_by("file__path")
    if path:
        profiles = profiles.filter(file__path=path.replace("\x00", ""))
    profile = profiles.first()
    if profile is None:
        if path and not DatasetFile.objects.filter(version=version, path=path.replace("\x00", "")).exists():
            raise NotFound(
                "dataset.file_not_found",
                _("%(version)s has no file “%(path)s”.")
                % {"version": version.label, "path": printable(path)},
            )
        raise Unprocessable(
            "dataset.not_tabular",
            _("%(what)s is not a table: CSV, TSV (also as .gz) and Parquet files can be looked into.")
            % {"what": f"“{printable(path)}”" if path else version.label},
        )
    profile.file.version = version
    report = None
    if profile.state == FileProfile.State.READY:
        report = Report.from_bytes(profile.report.reveal())
    return Table(profile.file, profile.state, sentence(profile.problem) if profile.problem else "", report)


__all__ = ["Table", "find_table", "tables_of", "with_latest", "with_shape"]
