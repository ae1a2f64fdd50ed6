"""Looking into a table: a read of data, on record."""

from typing import Any

from django.utils.translation import gettext as _

from accounts import audit
from accounts.errors import Conflict, Unprocessable
from projects.doors import Grant
from projects.permissions import Permission
from registry.datasets.sensitivity import GUARDED, require_access
from registry.datasets.summaries import find_table
from registry.models import DatasetVersion


def preview_table(grant: Grant, version: DatasetVersion, path: str = "") -> dict[str, Any]:
    """Record a look into a version's table; return its path, row count, columns with extremes and first rows.

    Raises as `find_table`; `Conflict` while it is being profiled, `Unprocessable` where that failed.
    """
    grant.require(Permission.DATASET_PREVIEW)
    require_access(grant, version.dataset)
    table = find_table(version, path)
    if table.report is None:
        if table.problem:
            raise Unprocessable("dataset.not_readable", f"“{table.file.path}”: {table.problem}")
        raise Conflict(
            "dataset.profile_pending",
            _("“%(path)s” is still being looked through. Try again in a moment.") % {"path": table.file.path},
        )
    detail = {"path": table.file.path}
    if version.dataset.sensitivity in GUARDED:
        detail["sensitivity"] = version.dataset.sensitivity
    audit.record("dataset.preview", version, detail=detail)
    return {
        "path": table.file.path,
        "rows": table.report.rows,
        "columns": table.report.columns,
        "sample": table.report.sample,
    }
